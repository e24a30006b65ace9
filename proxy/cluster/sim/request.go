package sim

import (
	"net/netip"
	"slices"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
)

var source = netip.MustParseAddrPort("192.0.2.1:5060")

// send sends a request through any member, and again until it is answered (RFC 3261 section 17.1.2.2).
func (ph *phone) send(r request, again int64) {
	w := ph.w
	if !ph.waiting || ph.cseq != r.cseq || w.stopped {
		return
	}
	w.after(again, func() { ph.send(r, min(2*again, 4*second)) })
	if p := ph.edge(); p != nil {
		ph.attempt(p, r, func(op *cluster.RegisterOp) { ph.answered(p, r, op) })
	}
	if w.strays && w.rng.IntN(3) == 0 {
		ph.sendLate(r)
	}
}

// strayTime is how late a copy of a request may be ordered, µs: what came after it is remembered for no longer (RFC 3261
// section 17.1.2.2, Timer F).
const strayTime = 32 * second

// sendLate has a copy of the request arrive late, at any member. It changes nothing that came after it: it is ordered
// within strayTime, though the members that it comes through take their time, or are stopped.
func (ph *phone) sendLate(r request) {
	w := ph.w
	delay := w.between(0, strayTime-w.judge.underWay())
	if w.rng.IntN(2) == 0 {
		delay = w.between(0, 3*second)
	}
	ph.quietAt = max(ph.quietAt, w.now+delay+w.judge.underWay())
	w.after(delay, func() {
		if w.stopped || ph.passedBy(r) || w.cuts.current != nil {
			return
		}
		if p := ph.edge(); p != nil {
			w.trace("a copy of %s cseq %d arrives late", ph.contact, r.cseq)
			ph.attempt(p, r, func(*cluster.RegisterOp) {})
		}
	})
}

// passedBy reports whether a request of another Call-ID has come since, a mate's Contact: * or of a later life of this
// phone: nothing tells that from one that came before (RFC 3261 section 10.3), so what a late copy does then is as good
// as not.
func (ph *phone) passedBy(r request) bool {
	return slices.ContainsFunc(ph.history[r.number-1:], func(later request) bool { return later.callID != r.callID })
}

// edge draws the member that a request reaches.
func (ph *phone) edge() *process {
	edges := ph.w.edges()
	if c := ph.w.cuts.current; c != nil && ph.pin != 0 {
		kept := edges[:0]
		for _, p := range edges {
			if c.side[p.id] == ph.pin {
				kept = append(kept, p)
			}
		}
		edges = kept
	}
	if len(edges) == 0 {
		return nil
	}
	return edges[ph.w.rng.IntN(len(edges))]
}

// underWay is how long after it was sent a request may be under way, µs: a member gives up after answerTime, and one
// that is stopped does when it goes on.
func (j *judge) underWay() int64 { return answerTime + j.late() }

// late is how late a process that was stopped may do what it was to do, µs.
func (j *judge) late() int64 {
	w := j.w
	if w.stops || w.freezes {
		return longestStall
	}
	return 0
}

// underWay reports whether a member works on a request of the phone.
func (ph *phone) underWay() bool {
	return ph.waiting || slices.ContainsFunc(ph.w.judge.asked, func(a *asked) bool { return a.ph == ph && !a.done })
}

// attempt brings one copy of a request to a member.
func (ph *phone) attempt(p *process, r request, done func(*cluster.RegisterOp)) {
	w := ph.w
	if w.cuts.current != nil {
		w.cuts.current.speaks(ph, p)
	}
	ph.quietAt = max(ph.quietAt, w.now+w.judge.underWay())
	returned := ph.returns(p, r)
	a := w.judge.ask(p, ph, r)
	ph.givenDuringStar(r)
	op := &cluster.RegisterOp{
		Update: location.Update{
			AOR: []byte(ph.aor), CallID: []byte(r.callID), CSeq: r.cseq, Star: r.deed == unbindAll,
			Flow: flow.Flow{Remote: source, Conn: r.number}, Source: uint64(1 + ph.number%sources), Shared: true,
			Proof: r.proof,
		},
		Done: func(op *cluster.RegisterOp) {
			a.judge(op)
			ph.astray = ph.astray || op.Status == location.StatusOK && r.deed != fetch && p.misled()
			if !returned && op.Status == location.StatusOK {
				ph.returns(p, r)
			}
			done(op)
		},
	}
	if w.claims {
		op.Update.Flow.Owner, op.Update.Flow.Life = p.id, 1
		ph.claimLater()
	}
	if r.deed == bind || r.deed == unbind {
		op.Update.Contacts = []location.ContactUpdate{{URI: []byte(ph.contact), Q: 1000, Expires: r.expires}}
	}
	if w.cfg.Trace {
		w.trace("%s cseq %d expires %d %s to m%d", ph.contact, r.cseq, r.expires, deedNames[r.deed], p.id)
	}
	p.run(func() {
		p.core(op.Update.AOR).Register(p.now(), op, &p.effects)
		p.flush()
	})
}

var deedNames = [...]string{"bind", "unbind", "unbind all", "fetch"}

// answered takes an answer that a member sends now. It may come too late.
func (ph *phone) answered(p *process, r request, op *cluster.RegisterOp) {
	w := ph.w
	if w.cfg.Trace {
		w.trace("%s cseq %d answered %d by m%d", ph.contact, r.cseq, op.Status, p.id)
	}
	if op.Status == location.StatusOK && r.deed != fetch {
		w.judge.checkCopies(ph, r)
	}
	if !ph.waiting || r.cseq != ph.cseq || r.callID != ph.callID {
		return
	}
	switch op.Status {
	case location.StatusOK:
		ph.waiting = false
		if r.deed != fetch && !ph.astray {
			ph.acknowledged(int(r.number) - 1)
		}
		if !ph.astray && !p.misled() {
			ph.robbed(r)
		}
		w.after(w.between(w.pause/20, w.pause), ph.next)
	case location.StatusUnavailable, location.StatusNoRoom, location.StatusSourceFull, location.StatusDomainFull:
		ph.waiting = false
		w.after(w.between(100, 500)*ms, ph.next)
	case location.StatusReplayed:
		ph.challenged(p, r)
	default:
		w.fail("order", "%s cseq %d, its newest, is answered %d by m%d", ph.contact, r.cseq, op.Status, p.id)
	}
}
