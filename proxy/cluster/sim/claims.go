package sim

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
)

// claimLater has some member claim the flow of the phone, now or a little later: of a member that
// takes a packet of the phone for the first since the flow's owner went. What it knows of that may
// be old by then.
func (ph *phone) claimLater() {
	w := ph.w
	if w.rng.IntN(2) == 0 {
		return
	}
	told := ph.edge()
	w.after(w.between(0, 3*second), func() {
		p := ph.edge()
		if w.stopped || p == nil || told == nil || !told.alive {
			return
		}
		for b := range told.core([]byte(ph.aor)).Peek([]byte(ph.aor)).Live(told.now()) {
			if string(b.Contact) == ph.contact && b.Flow.IsOwnedUDP() {
				ph.claim(p, &b)
				return
			}
		}
	})
}

// claim has a member claim the flow of a binding.
func (ph *phone) claim(p *process, b *location.Binding) {
	w, f := ph.w, b.Flow
	from := location.Owner{ID: f.Owner, Life: f.Life}
	f.Owner, f.Life = p.id, 1
	w.report.Faults["claims"]++
	op := &cluster.RegisterOp{
		Update: location.Update{AOR: []byte(ph.aor), Claim: true, Flow: f, From: from},
		Done: func(op *cluster.RegisterOp) {
			if op.Status != location.StatusOK && op.Status != location.StatusUnavailable {
				w.fail("claims", "m%d claims the flow of %s, and is answered %d", p.id, ph.contact, op.Status)
			}
			for b := range op.Record.Live(op.Now) {
				if string(b.Contact) == ph.contact && b.Flow == f {
					w.report.Faults["claimed"]++
				}
			}
		},
	}
	if w.cfg.Trace {
		w.trace("%s, request %d, is claimed by m%d from m%d", ph.contact, f.Conn, p.id, from.ID)
	}
	p.run(func() {
		p.core(op.Update.AOR).Register(p.now(), op, &p.effects)
		p.flush()
	})
}
