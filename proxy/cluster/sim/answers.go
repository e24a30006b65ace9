package sim

import (
	"slices"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
)

const (
	// answerTime is how long a member may take to answer a REGISTER, with whatever: it gives up after 3 s
	// (cluster.CoreConfig.Timeout), which a core that rests sees 300 ms later, and one that is slow later still.
	answerTime = 4 * second

	// settleTime is how long after something has happened REGISTERs may still be refused: peers notice a silent death after
	// 1.5 s at most, sets are on their way for as long, and then some messages go to and fro.
	settleTime = 2 * second
)

// asked is a REGISTER that a member has been given.
type asked struct {
	w      *world
	p      *process
	ph     *phone
	r      request
	at     int64
	pauses int           // of the member; less if it was stopped
	lost   bool          // it did not reach the others
	bound  bool          // the phone is bound, as the member must know, so there is room
	before []expectation // of a fetch
	done   bool
}

// ask notes that a member is given a REGISTER.
func (w *world) ask(p *process, ph *phone, r request) *asked {
	a := &asked{w: w, p: p, ph: ph, r: r, at: w.now, pauses: p.pauses, lost: !w.reached(p), bound: ph.bound(p)}
	if p.paused {
		a.pauses--
	}
	if r.deed == fetch && w.judges(p) {
		a.before = w.expectations(ph.aor)
	}
	w.asked = append(w.asked, a)
	return a
}

// settleTime is how long REGISTERs may still be refused. A member that takes all who have a copy for dead, with one copy of
// everything any other, takes over with nothing, and acknowledges what they do not know: all are in doubt until each has
// what the others have, and that takes seconds where a partition is much.
func (w *world) settleTime() int64 {
	if w.bulk && (w.replicas == 1 || w.usurped) {
		return settleTime + 3*bulkTime
	}
	return settleTime
}

var roomFaults = map[int]string{
	location.StatusNoRoom: "no room", location.StatusSourceFull: "source full", location.StatusDomainFull: "domain full",
}

// judge checks an answer. It may be a refusal only while something is wrong.
func (a *asked) judge(op *cluster.RegisterOp) {
	w := a.w
	if a.done {
		w.fail("answered", "%s cseq %d is answered twice by m%d", a.ph.contact, a.r.cseq, a.p.id)
	}
	a.done = true
	switch op.Status {
	case location.StatusUnavailable:
		if a.excused() || w.now-w.disturbed < w.settleTime() {
			return
		}
		w.fail("served", "%s cseq %d is refused by m%d, with all well for %.1f s", a.ph.contact, a.r.cseq, a.p.id,
			float64(w.now-w.disturbed)/second)
	case location.StatusNoRoom, location.StatusSourceFull, location.StatusDomainFull:
		w.report.Faults[roomFaults[op.Status]]++
		if w.budget == 0 || a.bound && !a.ph.astray && !w.misled() && !a.excused() && w.now-w.disturbed >= w.settleTime() {
			w.fail("room", "%s cseq %d, which is bound, is refused by m%d", a.ph.contact, a.r.cseq, a.p.id)
		}
	case location.StatusOK:
		if a.p.apart && !a.p.misled() {
			w.fail("served", "%s cseq %d is answered 200 by m%d, which reaches nobody", a.ph.contact, a.r.cseq, a.p.id)
		}
		if a.before != nil && w.judges(a.p) && !a.excused() {
			w.checkFound(a.p, a.ph.aor, a.before, op.Record, op.Now)
		}
	}
}

// bound reports whether the phone is bound, for all that the member must know, and another request of it makes nothing
// larger. What a phone did through the other side of a cut makes it a new AOR on this one.
func (ph *phone) bound(p *process) bool {
	if c := ph.w.cut; c != nil && !c.knows(ph, p) {
		return false
	}
	if ph.acked < 0 || ph.forgiven || ph.astray || ph.w.again {
		return false
	}
	r := &ph.history[ph.acked]
	return r.deed == bind && !ph.w.expired(r, -1)
}

// excused reports whether the member was, or is, in no state to serve: stopped, dead, or where the network is cut.
func (a *asked) excused() bool {
	w, p := a.w, a.p
	return !p.alive || p.paused || p.pauses != a.pauses || a.lost || !w.reached(p) || w.cut != nil && !w.servesCut(p)
}

// reached reports whether nothing keeps the member from meeting all that live: a set that does not list it, or a cut.
func (w *world) reached(p *process) bool {
	return !p.apart && !slices.ContainsFunc(w.members, func(q *process) bool {
		return q != nil && q != p && (!q.knows(p.id) || !p.knows(q.id))
	})
}

// checkAnswered checks that what has been asked is answered in time, and forgets what is over.
func (w *world) checkAnswered() {
	w.asked = slices.DeleteFunc(w.asked, func(a *asked) bool {
		if a.done || w.now-a.at < answerTime {
			return a.done
		}
		if a.p.alive && a.pauses == a.p.pauses {
			w.fail("answered", "%s cseq %d is not answered by m%d in %d s", a.ph.contact, a.r.cseq, a.p.id, answerTime/second)
		}
		return !a.p.alive || w.now-a.at > answerTime+w.late()
	})
}
