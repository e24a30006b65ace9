package server

import (
	"slices"
	"sync"

	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/wire"
)

// Bounds on requests that are kept while they may be lost.
const (
	maxSent      = 4096
	maxSentBytes = 32 << 20
	// maxLosses is how often one may be lost. Who takes a connection, and ends it when it
	// is sent something, is not called for ever.
	maxLosses = 4
)

// lost are requests that have left for connections. They are kept until somebody has
// answered, calls until somebody has answered for good, so that they can wait for their
// phone if it is lost. Safe for concurrent use.
type lost struct {
	mu                    sync.Mutex
	sent                  int
	bytes                 int
	ringing, ringingBytes int        // of those
	list                  []*request // those that nobody has heard of, and that are to be looked up again
}

// keep takes a request in, if there is room.
func (l *lost) keep(r *request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := cap(r.raw) + cap(r.out)
	if l.sent >= maxSent || l.bytes+size > maxSentBytes {
		return false
	}
	l.sent, l.bytes, r.kept = l.sent+1, l.bytes+size, size
	return true
}

func (l *lost) drop(r *request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.keptRinging {
		l.ringing, l.ringingBytes, r.keptRinging = l.ringing-1, l.ringingBytes-r.kept, false
	}
	l.sent, l.bytes, r.kept = l.sent-1, l.bytes-r.kept, 0
}

func (l *lost) add(r *request) {
	l.drop(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, r)
}

func (l *lost) take() []*request {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}

// kept is a request as transaction.Again.
type kept request

// Lost implements transaction.Again: locks are held, so that the timers go on with it.
func (k *kept) Lost() {
	r := (*request)(k)
	r.losses++
	r.s.lost.add(r)
	r.s.nudge()
}

// Settled implements transaction.Again.
func (k *kept) Settled() {
	r := (*request)(k)
	r.s.lost.drop(r)
	r.release()
}

// tendLost looks for other targets of what is lost. Called by the timers.
func (s *Server) tendLost() {
	for _, r := range s.lost.take() {
		r.lookAgain()
	}
}

// forkTo sends the request on in its transaction. Where that is over connections alone, or
// a call over one, it is kept.
func (r *request) forkTo(list []transaction.Target) progress {
	s, again := r.s, transaction.Again(nil)
	if r.mayBeLost(list) && r.losses < maxLosses && s.lost.keep(r) {
		again = (*kept)(r)
	}
	if r.wait.waits() && r.givenUp() {
		r.leaveWaiting(waitCancelled)
	}
	r.leaveWaiting(waitDelivered)
	if again == nil {
		s.table.Fork(r.now, r.tx, list)
		return done
	}
	if s.table.ForkAgain(r.now, r.tx, list, again) {
		return waits
	}
	s.lost.drop(r)
	return done
}

// mayBeLost reports whether all targets are connections, or applications, or one of a call
// is a connection, which may ring when that ends.
func (r *request) mayBeLost(list []transaction.Target) bool {
	r.mayStrand = slices.ContainsFunc(list, func(t transaction.Target) bool { return t.Flow.Conn != 0 })
	if r.mayStrand && r.msg.Method() == wire.MethodInvite && r.forBindings() {
		return true
	}
	return len(list) > 0 && !slices.ContainsFunc(list, func(t transaction.Target) bool { return !t.Flow.IsHeld() })
}
