package server

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/transaction"
)

// remember notes who has registered what from where, if the REGISTER has
// bound something, and for how long that is bound.
func (g *registrar) remember(op *cluster.RegisterOp) {
	m, source, anHour := g.r.s.facts, g.r.from.Remote, g.r.now+remembered
	m.add(g.renewal, refreshed, g.r.now, anHour)
	most := uint32(0)
	for i := range op.Update.Contacts {
		most = max(most, op.Update.Contacts[i].Expires)
	}
	if most > 0 {
		m.add(m.source(source.Addr()), known, g.r.now, g.r.now+int64(most)*1000)
		m.add(m.address(source), registers, g.r.now, anHour)
	}
}

// standing is what is known of who sent a request: within a dialog its token says
// that the call was let in before.
func (r *request) standing() transaction.Standing {
	if r.decision.Action == routing.InDialog || r.s.facts.has(r.s.facts.source(r.from.Remote.Addr()), known, r.now) {
		return transaction.Known
	}
	return transaction.Stranger
}
