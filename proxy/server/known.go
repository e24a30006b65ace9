package server

import (
	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/flow"
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
	if g.r.from.Conn != 0 {
		g.rememberConnection(op, most > 0)
	}
	if most > 0 {
		m.add(m.source(source.Addr()), known, g.r.now, g.r.now+int64(most)*1000)
		if g.r.from.Conn == 0 { // of a datagram's source
			m.add(m.address(source), registers, g.r.now, anHour)
		}
		if f := op.Update.Flow; f.IsOwnedUDP() {
			g.r.s.owned.add(sourceOf(f), g.r.now, g.r.now+int64(most)*1000)
		}
		g.r.s.back(op.Update.AOR)
	}
}

// rememberConnection notes who has registered over a connection. One that has ended
// meanwhile is not noted: whoever is told of its end has been here before.
func (g *registrar) rememberConnection(op *cluster.RegisterOp, bound bool) {
	n, conn := g.r.s.registrants, g.r.from.Conn
	if !bound {
		if !op.Update.Fetch() {
			n.remove(conn, op.Update.AOR)
		}
		return
	}
	instance := uint64(0)
	for i := range op.Update.Contacts {
		if c := &op.Update.Contacts[i]; c.Expires > 0 && len(c.Instance) > 0 {
			instance = xxhash.Sum64(c.Instance)
		}
	}
	g.r.s.layer.Keep(g.r.from)
	if n.add(conn, op.Update.AOR, instance) && !g.r.s.layer.Alive(g.r.from) {
		n.end(conn)
	}
}

// standing is what is known of who sent a request: within a dialog its token says
// that the call was let in before.
func (r *request) standing() transaction.Standing {
	switch {
	case r.from.Transport == flow.Local:
		return transaction.Own
	case r.decision.Action == routing.InDialog || r.s.facts.has(r.s.facts.source(r.from.Remote.Addr()), known, r.now):
		return transaction.Known
	}
	return transaction.Stranger
}
