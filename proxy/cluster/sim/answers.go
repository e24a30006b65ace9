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

// judge knows what may be found and answered, and checks that it is.
type judge struct {
	w       *world
	asked   []*asked // registers under way
	blind   bool     // members have taken others for dead that live: what is read is not judged
	usurped bool     // and one of them all who have a copy of something
	stalls  []stall  // all there were
	forgave int64    // when more had failed last than what is promised covers, µs
}

// ask notes that a member is given a REGISTER.
func (j *judge) ask(p *process, ph *phone, r request) *asked {
	w := j.w
	a := &asked{w: w, p: p, ph: ph, r: r, at: w.now, pauses: p.pauses, lost: !j.reached(p), bound: ph.bound(p)}
	if p.paused {
		a.pauses--
	}
	if r.deed == fetch && j.judges(p) {
		a.before = j.expectations(ph.aor)
	}
	j.asked = append(j.asked, a)
	return a
}

// settleTime is how long REGISTERs may still be refused. A member that takes all who have a copy for dead, with one copy of
// everything any other, takes over with nothing, and acknowledges what they do not know: all are in doubt until each has
// what the others have, and that takes seconds where a partition is much.
func (j *judge) settleTime() int64 {
	w := j.w
	if w.bulk && (w.replicas == 1 || j.usurped) {
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
		if a.excused() || w.now-w.disturbed < w.judge.settleTime() {
			return
		}
		w.fail("served", "%s cseq %d is refused by m%d, with all well for %.1f s", a.ph.contact, a.r.cseq, a.p.id,
			float64(w.now-w.disturbed)/second)
	case location.StatusNoRoom, location.StatusSourceFull, location.StatusDomainFull:
		w.report.Faults[roomFaults[op.Status]]++
		if w.budget == 0 || a.bound && !a.ph.astray && !w.judge.misled() && !a.excused() && w.now-w.disturbed >= w.judge.settleTime() {
			w.fail("room", "%s cseq %d, which is bound, is refused by m%d", a.ph.contact, a.r.cseq, a.p.id)
		}
	case location.StatusOK:
		if a.p.apart && !a.p.misled() {
			w.fail("served", "%s cseq %d is answered 200 by m%d, which reaches nobody", a.ph.contact, a.r.cseq, a.p.id)
		}
		if a.before != nil && w.judge.judges(a.p) && !a.excused() {
			w.judge.checkFound(a.p, a.ph.aor, a.before, op.Record, op.Now)
		}
	}
}

// bound reports whether the phone is bound, for all that the member must know, and another request of it makes nothing
// larger. What a phone did through the other side of a cut makes it a new AOR on this one.
func (ph *phone) bound(p *process) bool {
	if c := ph.w.cuts.current; c != nil && !c.knows(ph, p) {
		return false
	}
	if ph.acked < 0 || ph.forgiven || ph.astray || ph.w.again {
		return false
	}
	r := &ph.history[ph.acked]
	return r.deed == bind && !ph.w.judge.expired(r, -1)
}

// excused reports whether the member was, or is, in no state to serve: stopped, dead, or where the network is cut.
func (a *asked) excused() bool {
	w, p := a.w, a.p
	return !p.alive || p.paused || p.pauses != a.pauses || a.lost || !w.judge.reached(p) || w.cuts.current != nil && !w.cuts.servesCut(p)
}

// reached reports whether nothing keeps the member from meeting all that live: a set that does not list it, or a cut.
func (j *judge) reached(p *process) bool {
	w := j.w
	return !p.apart && !slices.ContainsFunc(w.members, func(q *process) bool {
		return q != nil && q != p && (!q.knows(p.id) || !p.knows(q.id))
	})
}

// checkAnswered checks that what has been asked is answered in time, and forgets what is over.
func (j *judge) checkAnswered() {
	w := j.w
	j.asked = slices.DeleteFunc(j.asked, func(a *asked) bool {
		if a.done || w.now-a.at < answerTime {
			return a.done
		}
		if a.p.alive && a.pauses == a.p.pauses {
			w.fail("answered", "%s cseq %d is not answered by m%d in %d s", a.ph.contact, a.r.cseq, a.p.id, answerTime/second)
		}
		return !a.p.alive || w.now-a.at > answerTime+j.late()
	})
}
