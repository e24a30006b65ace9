package sim

import (
	"fmt"
	"slices"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// expiryMargin is how much a copy of a binding may outlive the phone's idea of it, or fall short, µs.
const expiryMargin = 2 * second

// lookup asks any member for any AOR, and checks the answer.
func (w *world) lookup(p *process, ph *phone) {
	w.report.Lookups++
	aor := []byte(ph.aor)
	before := w.expectations(ph.aor)
	op := &cluster.LookupOp{AOR: aor}
	cut := w.cut
	pauses := 0
	op.Done = func(op *cluster.LookupOp) {
		if !cut && !w.cut && p.alive && p.pauses == pauses { // what a stopped process had begun may be late
			w.checkLookup(p, ph.aor, before, op)
		}
	}
	p.run(func() {
		pauses = p.pauses
		p.core(aor).Lookup(p.now(), op, &p.effects)
		p.flush()
	})
}

// expectation is what is known of a contact when a lookup begins: the last request that was acknowledged, -1 if none.
type expectation struct {
	ph    *phone
	acked int
}

func (w *world) expectations(aor string) []expectation {
	var all []expectation
	for _, ph := range w.phones {
		if ph.aor == aor {
			all = append(all, expectation{ph, ph.acked})
		}
	}
	return all
}

func (w *world) checkLookup(p *process, aor string, before []expectation, op *cluster.LookupOp) {
	if op.Result == cluster.Unavailable {
		w.fail("acknowledged", "m%d can not look up %s", p.id, aor)
		return
	}
	for _, x := range before {
		found := -1
		for b := range op.Record.Live(op.Now) {
			if string(b.Contact) == x.ph.contact {
				found = int(b.CSeq)
			}
		}
		if invariant, fault := x.judge(w.now, found); fault != "" {
			w.fail(invariant, "lookup of %s by m%d: %s (found cseq %d)", aor, p.id, fault, found)
		}
	}
}

// judge compares what a lookup found of the contact, the CSeq or -1, with what it may find. What was sent while the
// lookup was under way may be found or not.
func (x *expectation) judge(now int64, found int) (invariant, fault string) {
	mayBeGone, allowed := x.acked < 0, false
	for i, r := range x.ph.history[max(0, x.acked):] {
		mayBeGone = mayBeGone || r.expires == 0 || expired(r, now, -1)
		allowed = allowed || r.expires > 0 && found == int(r.cseq) && !expired(r, now, 1)
		if i == 0 && x.acked >= 0 && found >= 0 && found < int(r.cseq) {
			return "stale", fmt.Sprintf("%s is older than the acknowledged cseq %d", x.ph.contact, r.cseq)
		}
	}
	switch {
	case found < 0 && !mayBeGone:
		return "acknowledged", fmt.Sprintf("%s is acknowledged with cseq %d and not found", x.ph.contact, x.ph.history[x.acked].cseq)
	case found >= 0 && !allowed:
		return "stale", fmt.Sprintf("%s was removed or has expired", x.ph.contact)
	}
	return "", ""
}

// expired reports whether the binding of the request may have ended (sign -1) or must have (sign 1).
func expired(r request, now, sign int64) bool {
	ends := r.sent
	if sign > 0 {
		ends = now // a request that is not acknowledged may be applied at any time
		if r.acked != 0 {
			ends = r.acked
		}
	}
	return now > ends+int64(r.expires)*second+sign*expiryMargin
}

// checkCopies checks, as a REGISTER is answered 200, that enough members hold its result. One that was alive when the
// request was sent and has died since counts: it held it.
func (w *world) checkCopies(ph *phone, r request) {
	live, copies := 0, 0
	for _, p := range w.processes {
		wasAlive := p.alive || p.died >= r.sent
		if !wasAlive || p.membership.View() == nil {
			continue
		}
		if p.alive && !p.leaving() && w.met(p) {
			live++
		}
		if p.has(ph, r) {
			copies++
		}
	}
	if need := min(w.replicas, live); copies < need && !w.cut {
		w.fail("copies", "%s cseq %d is answered 200 with %d copies, not %d", ph.contact, r.cseq, copies, need)
	}
}

// met reports whether all that live have known the member as up for half a second.
func (w *world) met(p *process) bool {
	unknown := slices.ContainsFunc(w.living(), func(q *process) bool {
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
	m := p.w.published(p.id)
	_, says := p.membership.SelfState()
	return says || m == nil || m.State == config.Draining
}

// has reports whether the process holds the outcome of the request or of a later one.
func (p *process) has(ph *phone, r request) bool {
	aor := []byte(ph.aor)
	for b := range p.core(aor).Peek(aor).All() {
		if string(b.Contact) == ph.contact && string(b.CallID) == ph.callID && b.CSeq >= r.cseq {
			return true
		}
	}
	// Removing what is not there leaves no trace.
	return r.expires == 0 || p.w.now > r.sent+int64(r.expires)*second
}

// quiet reports whether the world has come to rest: one view, everything held where it should be and nowhere else. why
// says what is missing.
func (w *world) quiet() (ok bool, why string) {
	set := w.current()
	living := w.living()
	for _, p := range living {
		v := p.membership.View()
		switch synced, _ := p.membership.SelfState(); {
		case v == nil || v.Epoch != set.Epoch:
			return false, fmt.Sprintf("m%d has not got epoch %d", p.id, set.Epoch)
		case !synced:
			return false, fmt.Sprintf("m%d is not synced", p.id)
		case !slices.Equal(ids(v.Ring), w.ring()):
			return false, fmt.Sprintf("m%d has ring %v, not %v", p.id, ids(v.Ring), w.ring())
		case !slices.Equal(ids(v.Next), w.ring()):
			return false, fmt.Sprintf("m%d has next ring %v, not %v", p.id, ids(v.Next), w.ring())
		}
		for _, c := range p.cores {
			if g := c.Progress(); g.Filling > 0 || g.Leaving > 0 || g.Version != v.Version {
				return false, fmt.Sprintf("m%d is filling %d and leaving %d", p.id, g.Filling, g.Leaving)
			}
		}
	}
	for i := range w.operator.members {
		if m := &w.operator.members[i]; w.wanted(m) != m.State {
			return false, fmt.Sprintf("m%d is still published as %s", m.ID, m.State)
		}
	}
	return true, ""
}

// ring is the members that should be in everyone's ring at rest.
func (w *world) ring() []uint32 {
	var all []uint32
	for _, p := range w.living() {
		if m := w.published(p.id); m != nil && m.State == config.Active && !p.leaving() {
			all = append(all, p.id)
		}
	}
	return all
}

// checkAgreement compares the owners of every partition.
func (w *world) checkAgreement() (why string) {
	living := w.living()
	for n := range w.partitions {
		var first *process
		var sum uint64
		var count int
		owners := living[0].membership.View().Ring.Owners(n)
		for _, p := range living {
			state, s, bindings := p.cores[n%w.cores].Holding(n)
			if owned := slices.Contains(owners, p.id); owned != (state == "held") {
				return fmt.Sprintf("partition %d with owners %v is %s at m%d", n, owners, state, p.id)
			}
			if state != "held" {
				continue
			}
			if first != nil && (s != sum || bindings != count) {
				return fmt.Sprintf("partition %d has %d bindings at m%d and %d at m%d, or other versions", n, count, first.id, bindings, p.id)
			}
			first, sum, count = p, s, bindings
		}
	}
	return ""
}

// checkEverywhere looks up every AOR through every member.
func (w *world) checkEverywhere() {
	seen := map[string]bool{}
	for _, ph := range w.phones {
		if seen[ph.aor] {
			continue
		}
		seen[ph.aor] = true
		for _, p := range w.living() {
			w.lookup(p, ph)
		}
	}
}
