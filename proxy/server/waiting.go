package server

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// A phone whose connection is over, as that of every phone of a member that has died,
// comes back, most often within seconds. What is for it waits until then: it is there
// when the phone registers again, by whatever member.
const (
	// inviteWait is for how long an INVITE waits: a caller hears that it is queued.
	inviteWait = 8 * time.Second
	// waitLook is how soon after it began to wait a request is looked up again, in
	// milliseconds, for a phone that came back just then; waitPoll how often after that.
	waitLook = 100
	waitPoll = 1000
	// waitTold is how often the other members hear of a phone, and maxAwaits of how many
	// in a second.
	waitTold  = 5000
	maxAwaits = 500
	// waitTick is how often the timers look, in milliseconds.
	waitTick = 50
)

// Bounds on what waits. One source has at most an eighth of either once half is taken.
const (
	maxWaiting      = 4096
	maxWaitingBytes = 16 << 20
	waitingPart     = 8
)

// waitOutcome says what became of a request that has waited.
type waitOutcome uint8

const (
	waitDelivered waitOutcome = iota // its phone has come back
	waitExpired                      // it has not
	waitCancelled                    // the caller has given up
	waitRefused                      // there was no room
	waitOutcomes
)

var waitNames = [waitOutcomes]string{waitDelivered: "delivered", waitExpired: "expired", waitCancelled: "cancelled", waitRefused: "refused"}

// wait is a request's part in waiting.
type wait struct {
	aor    []byte // of the phone: of the request's bytes or its decision
	member uint32 // whose proxy is to come back; 0: a phone is
	until  int64  // milliseconds; 0: it does not wait
	next   int64  // when it is looked up again
	told   int64  // when the others heard of it
	size   int
}

func (w *wait) waits() bool { return w.until != 0 }

// waiting is the room for requests that wait. Each is in it from its first wait to its
// end; list has those that nobody is looking up just now. Safe for concurrent use.
type waiting struct {
	count  atomic.Int64 // of list
	ticked int64        // only the timers touch it

	mu      sync.Mutex
	list    []*request
	held    int
	bytes   int
	sources map[uint64]share
}

// share is what one source has of the room.
type share struct{ held, bytes int }

// enter takes a request in that has not waited yet, if there is room.
func (w *waiting) enter(r *request) bool {
	source := limit.Source(r.from.Remote.Addr())
	w.mu.Lock()
	defer w.mu.Unlock()
	size := len(r.raw)
	own := w.sources[source]
	half := w.held >= maxWaiting/2 || w.bytes+size > maxWaitingBytes/2
	full := own.held >= maxWaiting/waitingPart || own.bytes+size > maxWaitingBytes/waitingPart
	switch {
	case w.held >= maxWaiting || w.bytes+size > maxWaitingBytes:
		return false
	case half && full && !r.snap.trustsFlow(r.from):
		return false
	}
	if w.sources == nil {
		w.sources = map[uint64]share{}
	}
	w.sources[source] = share{own.held + 1, own.bytes + size}
	w.held, w.bytes, r.wait.size = w.held+1, w.bytes+size, size
	return true
}

// leave lets a request go.
func (w *waiting) leave(r *request) {
	source := limit.Source(r.from.Remote.Addr())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held, w.bytes = w.held-1, w.bytes-r.wait.size
	own := w.sources[source]
	if own = (share{own.held - 1, own.bytes - r.wait.size}); own.held == 0 {
		delete(w.sources, source)
	} else {
		w.sources[source] = own
	}
	r.wait = wait{}
}

// park has a request wait. It is whoever's takes it from then on.
func (w *waiting) park(r *request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, r)
	w.count.Store(int64(len(w.list)))
}

// told reports whether the others have heard, lately, that this member waits for a phone.
func (w *waiting) told(aor []byte, now int64) bool {
	if w.count.Load() == 0 {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.list, func(r *request) bool {
		return r.wait.told != 0 && now-r.wait.told < waitTold && bytes.Equal(r.wait.aor, aor)
	})
}

// take takes out the requests that are wanted.
func (w *waiting) take(wanted func(*request) bool) (taken []*request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := w.list[:0]
	for _, r := range w.list {
		if wanted(r) {
			taken = append(taken, r)
		} else {
			rest = append(rest, r)
		}
	}
	clear(w.list[len(rest):])
	w.list = rest
	w.count.Store(int64(len(rest)))
	return taken
}

func (w *waiting) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held
}

// awaitPhone has the request wait until the phone that has registered for an
// address-of-record does so again, or is heard again, if it is behind NAT.
func (r *request) awaitPhone(aor []byte) progress { return r.await(aor, flow.Flow{}) }

// awaitFlow has the request wait until something comes over a UDP flow, by whatever member. An
// ACK or a CANCEL without a transaction does not wait, but its repetition finds who has the flow.
func (r *request) awaitFlow(f flow.Flow) progress {
	if r.stateless {
		r.s.tellAway(f, nil)
	}
	return r.await(flowKey(nil, sourceOf(f)), f)
}

// await has the request wait for an address-of-record, or a flow that stands for one.
func (r *request) await(aor []byte, over flow.Flow) progress {
	s, first := r.s, !r.wait.waits()
	until := (r.arrived + s.waitFor(r.msg.Method())).Milliseconds()
	if r.stateless || len(aor) == 0 || r.now >= until {
		return r.finish(480, "Temporarily Unavailable", nil)
	}
	if first && !s.waiting.enter(r) {
		s.metrics.waits[waitRefused].Inc()
		return r.finish(480, "Temporarily Unavailable", nil)
	}
	if first {
		r.wait.next = r.now + waitLook
		r.sayQueued()
	} else {
		r.wait.next = r.now + waitPoll
	}
	r.wait.aor, r.wait.until = aor, until
	if (first || r.now-r.wait.told >= waitTold) && !s.waiting.told(aor, r.now) && s.limits.awaits.allow(r.now) {
		r.wait.told = r.now
		if over.IsValid() {
			s.tellAway(over, nil)
		} else {
			s.toAll(frameWait, aor) // not reached: the polls
			r.expectPhones()
		}
	}
	s.waiting.park(r)
	s.nudge()
	return waits
}

// waitFor is for how long a request of a method waits: what is no INVITE until its
// sender is about to give up (RFC 3261 17.1.2.2, Timer F).
func (s *Server) waitFor(m wire.Method) time.Duration {
	if m == wire.MethodInvite {
		return s.inviteWait
	}
	return s.otherWait
}

// sayQueued tells a caller that there is nobody to ring yet.
func (r *request) sayQueued() {
	if r.msg.Method() != wire.MethodInvite || r.rings { // there was
		return
	}
	r.reply.trying = r.s.table.Trying(r.now, r.tx)
	if r.out = r.reply.appendBounded(r.out[:0], 182, "Queued", nil); len(r.out) > 0 {
		r.s.table.Provisional(r.now, r.tx, r.out)
	}
}

// lookAgain looks for the phone of a request that has waited, or of which all targets
// were lost.
func (r *request) lookAgain() {
	r.now, r.snap = r.s.now(), r.s.current()
	r.prover.left.Store(0)
	r.end(r.search.begin())
}

// leaveWaiting lets the request go, if it has waited.
func (r *request) leaveWaiting(o waitOutcome) {
	if r.wait.waits() {
		r.s.metrics.waits[o].Inc()
		r.s.waiting.leave(r)
	}
}

// leftAlone ends a request that is given up, but for what rings still.
func (r *request) leftAlone() progress {
	if r.rings {
		r.now = r.s.now()
		return r.lapse()
	}
	return done
}

// givenUp reports whether nobody waits for an answer any more.
func (r *request) givenUp() bool {
	if r.rings {
		return !r.s.table.Seeks(r.tx)
	}
	return !r.s.table.Has(r.tx) || r.msg.Method() == wire.MethodInvite && r.s.table.Answered(r.tx)
}

// back is called when a phone has registered: what waits for it goes on, here and at
// other members.
func (s *Server) back(aor []byte) {
	s.wake(aor)
	s.awaited.each(s.facts.text(aor), s.now(), func(member uint32) { _ = s.cluster.Send(member, frameBack, aor) }) // lost: it looks
}

// wake looks up what waits for a phone.
func (s *Server) wake(aor []byte) {
	if s.waiting.count.Load() == 0 {
		return
	}
	for _, r := range s.waiting.take(func(r *request) bool { return bytes.Equal(r.wait.aor, aor) }) {
		r.lookAgain()
	}
}

// tendWaiting looks up what has waited for a while, and ends what has waited as long as
// it may. Called by the timers.
func (s *Server) tendWaiting(now int64) {
	w := &s.waiting
	if w.count.Load() == 0 || now-w.ticked < waitTick {
		return
	}
	w.ticked = now
	for _, r := range w.take(func(r *request) bool { return now >= min(r.wait.next, r.wait.until) }) {
		switch {
		case r.givenUp():
			r.leaveWaiting(waitCancelled)
			r.end(r.leftAlone())
		case now >= r.wait.until:
			r.now, r.snap = now, s.current()
			r.end(r.endWait())
		default:
			r.lookAgain()
		}
	}
}

// callerOwner is who owns the flow of who calls, if it is a user agent behind NAT.
func (r *request) callerOwner() forward.Owner {
	if r.from.Transport != flow.UDP || r.peer || r.decision.RecordRoute != nil || !r.makesDialog() {
		return forward.Owner{}
	}
	o := r.s.owns(r.snap, r.from, forward.Translated(&r.msg, &r.reply.via, r.from.Remote.Addr()))
	if o.ID != 0 {
		r.s.owned.addCaller(sourceOf(r.from), r.now)
	}
	return o
}

// makesDialog reports whether the request may make a dialog.
func (r *request) makesDialog() bool {
	switch r.msg.Method() {
	case wire.MethodInvite, wire.MethodSubscribe, wire.MethodRefer, wire.MethodNotify:
		return true
	}
	return false
}

// callerEnd is who calls, if it is a phone that has registered over its connection.
func (r *request) callerEnd() token.End {
	if r.from.Conn == 0 {
		return token.End{}
	}
	return r.s.registrants.of(r.from.Conn, r.decision.Identity)
}
