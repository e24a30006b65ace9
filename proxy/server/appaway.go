package server

import (
	"sync"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/cluster"
)

// A proxy that ends is started anew by the kubelet, and the application beside it goes on
// with its calls. What is for one of those waits meanwhile, and goes to that application
// when its proxy is back.

// For how long after the loss of a member the calls of its application may go on, in
// milliseconds: where its address still answers, and where nothing does, as of a node that
// is cut off.
const (
	endedAway  = 30_000
	silentAway = 10_000
)

// absences are the members that are not up, and since when. Safe for concurrent use.
type absences struct {
	mu        sync.Mutex
	view      *cluster.View // at the last look
	since     map[uint32]int64
	unreached map[uint32]int64 // when a frame for it was lost last, though it counts for up
	lost      atomic.Int64     // when the last of those was
}

// look takes what a view says of who is away. It is called at each new one, lest a request
// finds a member that has been away for long to be so since now.
func (a *absences) look(v *cluster.View, now int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.follow(v, now)
}

func (a *absences) follow(v *cluster.View, now int64) {
	if v == nil || v == a.view {
		return
	}
	since := map[uint32]int64{} // of members of the set alone
	for i := range v.Members {
		m := &v.Members[i]
		if m.Liveness == cluster.Up {
			continue
		}
		at, known := a.since[m.ID]
		if !known {
			at = now
		}
		since[m.ID] = at
	}
	a.view, a.since = v, since
}

// lacks notes that a member cannot be reached just now, though nobody has concluded that it
// is dead.
func (a *absences) lacks(member uint32, now int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.unreached == nil || len(a.unreached) >= maxUnreached {
		a.unreached = map[uint32]int64{}
	}
	a.unreached[member] = now
	a.lost.Store(now)
}

// maxUnreached bounds what is noted of members: more than a set has is of none.
const maxUnreached = 4096

// away reports whether a member that is not up may still come back.
func (a *absences) away(v *cluster.View, m *cluster.MemberView, now int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.follow(v, now)
	bound := int64(silentAway)
	if m.Ended {
		bound = endedAway
	}
	return now-a.since[m.ID] < bound
}

// lacking reports whether a member could not be reached just before.
func (a *absences) lacking(member uint32, now int64) bool {
	if now-a.lost.Load() >= unreachedMillis { // as a rule: no message takes a lock
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	at, noted := a.unreached[member]
	return noted && now-at < unreachedMillis
}

// missed reports whether a frame for a member has been lost since a time.
func (a *absences) missed(member uint32, since int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, noted := a.unreached[member]
	return noted && at >= since
}

// appFate says what has become of an application that has a call.
type appFate uint8

const (
	appThere appFate = iota // what is for it can be sent
	appAway                 // its proxy is dead, and may start anew
	appOver                 // its calls are lost
)

// fate says what has become of the application beside a member, and of which life the
// proxy there is.
func (s *Server) fate(member uint32, now int64) (appFate, uint64) {
	v := s.cluster.View()
	switch {
	case v == nil:
		return appThere, 0
	case s.apps == nil && v.Up(member):
		return appThere, 0
	case s.apps == nil:
		return appOver, 0
	}
	m, published := v.Member(member)
	state := s.apps.Table.State(member)
	switch {
	case !published || state == application.Down:
		return appOver, 0
	case m.Liveness == cluster.Up && s.apps.absent.lacking(member, now):
		return appAway, m.Incarnation
	case m.Liveness == cluster.Up:
		return appThere, m.Incarnation
	case m.Leaving || state == application.Leaving || !s.apps.absent.away(v, &m, now):
		return appOver, 0
	}
	return appAway, m.Incarnation
}

// startAtApplication sends a request within a dialog to the application that has it, or has
// it wait for the proxy beside that.
func (q *search) startAtApplication(member uint32) progress {
	r := q.r
	fate, life := r.s.fate(member, r.now)
	switch {
	case fate == appOver || fate == appThere && r.refusedBy(member, life):
		return r.applicationGone()
	case fate == appAway:
		return r.awaitMember(member)
	}
	r.appLife, r.appSent, r.losses = life, r.now, 0
	return r.reach()
}

// refusedBy reports whether a request that is lost was refused by the application beside a
// member, of which the proxy there is of that life: the one that it was given to, and
// that it has reached. What is lost otherwise is sent again, while somebody waits for it.
func (r *request) refusedBy(member uint32, life uint64) bool {
	if r.losses == 0 {
		return false
	}
	given := r.appLife == life && (r.s.apps == nil || !r.s.apps.absent.missed(member, r.appSent))
	return given || r.now >= r.latest()
}

// latest is when a request within a dialog is given up at last: when its sender is about to.
func (r *request) latest() int64 { return (r.arrived + r.s.otherWait).Milliseconds() }

// awaitMember has the request wait until the proxy of a member is back.
func (r *request) awaitMember(member uint32) progress {
	s, first := r.s, !r.wait.waits()
	switch until := r.latest(); {
	case r.stateless || r.now >= until:
		return r.applicationGone()
	case first && !s.waiting.enter(r):
		s.metrics.waits[waitRefused].Inc()
		return r.finish(503, "Service Unavailable", r.retryAfter(5)) // this request's end alone (RFC 5057 5.1)
	case first:
		r.wait.until = until
		r.reply.trying = s.table.Trying(r.now, r.tx)
	}
	r.wait.member, r.wait.next, r.losses = member, r.now+unreachedMillis, 0
	s.waiting.park(r)
	s.nudge()
	return waits
}

// endWait ends a request that has waited for as long as it may. One that rings may have others
// to wait for.
func (r *request) endWait() progress {
	member := r.wait.member
	if !r.rings {
		r.leaveWaiting(waitExpired)
	}
	if member != 0 {
		return r.applicationGone()
	}
	return r.finish(480, "Temporarily Unavailable", nil)
}

// noteAbsences looks who is away. It is called at each new view.
func (s *Server) noteAbsences() {
	if s.apps != nil && s.serving.Load() {
		s.apps.absent.look(s.cluster.View(), s.now())
	}
}
