package sim

import (
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// checkCopies checks, as a REGISTER is answered 200, that enough members hold its result. One that was alive when the
// request was sent and has died since counts: it held it.
func (j *judge) checkCopies(ph *phone, r request) {
	w := j.w
	if w.cuts.current != nil || ph.astray {
		return
	}
	live, copies := 0, 0
	for _, p := range w.processes {
		wasAlive := p.alive || p.died >= r.sent
		if !wasAlive || p.membership.View() == nil {
			continue
		}
		if p.alive && !p.leaving() && j.met(p) {
			live++
		}
		if p.has(ph, r) {
			copies++
		}
	}
	if need := min(w.replicas, live); copies < need {
		w.fail("copies", "%s cseq %d is answered 200 with %d copies, not %d", ph.contact, r.cseq, copies, need)
	}
}

// met reports whether all that live have known the member as up for half a second.
func (j *judge) met(p *process) bool {
	w := j.w
	unknown := slices.ContainsFunc(w.members, func(q *process) bool {
		if q == nil {
			return false
		}
		v := q.membership.View()
		return v == nil || !v.Up(p.id)
	})
	switch {
	case unknown:
		p.met = 0
	case p.met == 0:
		p.met = w.now
	}
	return !unknown && w.now-p.met >= second/2
}

// leaving reports whether the member is, or will be, out of the ring for good.
func (p *process) leaving() bool {
	m := p.w.operator.published(p.id)
	_, says := p.membership.SelfState()
	return says || m == nil || m.State == config.Draining
}

// has reports whether the process holds the outcome of the request or of a later one. That of a removal is that nothing
// older is left.
func (p *process) has(ph *phone, r request) bool {
	aor := []byte(ph.aor)
	for b := range p.core(aor).Peek(aor).All() {
		if string(b.Contact) != ph.contact {
			continue
		}
		switch {
		case b.Live(p.now()):
			return b.Flow.Conn >= r.number
		case r.deed != bind:
			return true
		case string(b.CallID) != r.callID && ph.callID != r.callID: // a later life of the phone
			return true
		}
		return b.CSeq >= r.cseq || ph.cseq < r.cseq || ph.removedSince(r)
	}
	return r.deed != bind || p.w.now > r.sent+int64(r.expires)*second || ph.removedSince(r)
}
