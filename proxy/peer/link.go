package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// Timing of a link.
const (
	dialTimeout = time.Second
	// confirmTimeout is how long a peer that was silent has to answer a redial.
	confirmTimeout = 250 * time.Millisecond
	minBackoff     = 10 * time.Millisecond
	maxBackoff     = 500 * time.Millisecond
	probePause     = 2 * time.Millisecond
	knockPause     = 500 * time.Millisecond
)

// surroundings is what all links of this member work with.
type surroundings struct {
	self       uint32
	sound      *soundness
	links      *links
	identity   *identity
	dialler    *dialler
	membership *membership // is told who is up and who is down
	delivery   *delivery   // takes what arrives
	running    *sync.WaitGroup
}

// open begins a link to the member.
func (w *surroundings) open(m config.Member) *link {
	ctx, stop := context.WithCancel(context.Background())
	l := &link{surroundings: w, id: m.ID, member: m, stop: stop, arrived: make(chan struct{}, 1), nudge: make(chan struct{}, 1)}
	w.running.Go(func() { l.run(ctx) })
	return l
}

// link is this member's relation to one other: it keeps one stream up and
// decides when the other is down. The member with the lower ID dials; the
// other, whose stream broke, probes the peer's port instead, so that both
// learn of a dead process within a round trip. Its goroutines live until stop; its
// streams are under a lock of its own, under which a stream's is taken and no other.
type link struct {
	*surroundings
	id      uint32
	stop    context.CancelFunc
	arrived chan struct{} // capacity 1: there is a next stream
	nudge   chan struct{} // capacity 1: the member was seen alive: redial at once
	up      bool          // announced as up; guarded by membership.mu
	refused bool          // the last loss was that its process ended; guarded by membership.mu
	// incarnation is that of the process that was up last; guarded by membership.mu.
	incarnation uint64

	mu     sync.Mutex
	member config.Member
	cur    *stream   // in use
	next   *stream   // dialled by the other, not yet taken up
	ended  bool      // takes no more streams
	heard  time.Time // when the member was last heard of by a stream that ended
}

func (l *link) stream() *stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cur
}

// peer is the member as the set lists it.
func (l *link) peer() config.Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.member
}

// keep takes the member as a newer set lists it, unless it moved to where the
// link does not lead.
func (l *link) keep(m config.Member) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.member.Address != m.Address && (l.cur == nil || !l.cur.from(m.Address)) {
		return false
	}
	l.member = m
	return true
}

// run keeps the link until the context ends.
func (l *link) run(ctx context.Context) {
	defer l.end()
	if l.self < l.id {
		l.dialling(ctx)
		return
	}
	l.running.Go(func() { l.callOn(ctx) })
	l.accepting(ctx)
}

func (l *link) end() {
	l.mu.Lock()
	l.ended = true
	cur, next := l.cur, l.next
	l.have(nil)
	l.next = nil
	l.mu.Unlock()
	failAll(errClosed, cur, next)
}

func failAll(err error, streams ...*stream) {
	for _, s := range streams {
		if s != nil {
			s.fail(err)
		}
	}
}

// use takes up a stream that this member dialled.
func (l *link) use(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.have(s)
}

// have has another stream in use, or none. mu is held.
func (l *link) have(s *stream) {
	if l.cur != nil && !l.cur.peer.Proofs {
		l.links.unproving.Add(-1)
	}
	if s != nil && !s.peer.Proofs {
		l.links.unproving.Add(1)
	}
	l.cur = s
}

// take takes up the stream that the other dialled.
func (l *link) take() *stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.next
	l.next = nil
	if s != nil {
		l.have(s)
	}
	return s
}

// accept has a stream that the other dialled taken up in place of any older
// one. Of two processes that claim one ID, which is possible while a set is
// late, the one at the published address stays.
func (l *link) accept(s *stream) error {
	l.mu.Lock()
	cur, next := l.cur, l.next
	if l.ended || cur != nil && cur.from(l.member.Address) && !s.from(l.member.Address) {
		l.mu.Unlock()
		return fmt.Errorf("member %d has a stream from its published address", l.id)
	}
	l.next = s
	l.mu.Unlock()
	failAll(errReplaced, cur, next)
	wake(l.arrived)
	return nil
}

func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// serve announces the stream and reads it until it breaks, is replaced by a
// newer one or the context ends.
func (l *link) serve(ctx context.Context, s *stream) {
	stop := context.AfterFunc(ctx, func() { s.fail(errClosed) })
	defer stop()
	if !l.identity.trusts(s.conn) { // the keys changed since its handshake
		s.fail(errKeyGone)
	}
	s.run()
	if l.sound.stuck.Load() { // it went unseen as the streams were ended
		s.part(kindAway, errAway)
	}
	l.membership.peerUp(l, s)
	s.read(func(kind uint8, payload []byte) { l.delivery.deliver(l.id, s, kind, payload) })
	l.mu.Lock()
	if l.cur == s {
		l.have(nil)
	}
	if at := s.lastHeard(); at.After(l.heard) {
		l.heard = at
	}
	l.mu.Unlock()
	l.membership.peerSuspected(l, s.cause())
	s.wait()
}

// lastHeard is when the member was last heard of.
func (l *link) lastHeard() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cur != nil {
		return l.cur.lastHeard()
	}
	return l.heard
}

// refused tells whether nothing listens at the peer's port: its process is gone.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// distrust ends the streams of a peer whose key is no longer in force. One whose
// handshake is under way is looked at when it is taken up.
func (l *link) distrust() {
	l.mu.Lock()
	streams := []*stream{l.cur, l.next}
	l.mu.Unlock()
	for _, s := range streams {
		if s != nil && !l.identity.trusts(s.conn) {
			s.fail(errKeyGone)
		}
	}
}
