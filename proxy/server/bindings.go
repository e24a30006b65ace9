package server

import (
	"bytes"
	"strconv"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

// answer lists the bindings in a 200 (RFC 3261 10.3 step 8). That may be
// many times what was asked, and a fetch needs no more than a forged source. So
// the whole list is for whoever is known to receive; others get as much of it as
// the bound on answers leaves room for, those bindings first that the REGISTER
// names: a phone looks for its own. A list cut short is less wrong than none, or
// an error for a registration that was made.
func (g *registrar) answer(op *cluster.RegisterOp) {
	g.lines = append(g.lines[:0], g.r.s.clock.day(g.r.now).date...)
	if g.r.decision.TellPath {
		g.lines = append(append(append(g.lines, "Path: "...), op.Update.Path...), '\r', '\n')
		g.lines = g.r.snap.names.AppendServiceRoute(g.lines, g.r.from, g.r.decision.SIPS())
	}
	switch d := &g.r.decision; {
	case d.Outbound:
		g.lines = append(g.lines, routing.OutboundLines...)
	case d.MayBeOutbound && op.Update.Flow.IsOwnedUDP():
		g.lines = append(g.lines, routing.OutboundLinesUDP...)
	}
	head := len(g.lines)
	for b := range op.Record.Live(op.Now) {
		g.lines = g.appendContact(g.lines, &b, op)
	}
	g.r.reply.keep = keepAliveSeconds(g.r.from.Transport, len(g.lines) > head)
	g.r.out = g.r.reply.append(g.r.out[:0], 200, "OK", g.lines)
	if over := len(g.r.out) - g.r.reply.bound(); over > 0 {
		g.lines = g.appendSome(g.lines[:head], op, len(g.lines)-head-over)
		g.r.reply.respond(200, "OK", g.lines)
		return
	}
	g.r.reply.send(200)
}

// appendSome appends the Contact lines that there is room for, in bytes, those
// first that the REGISTER names.
func (g *registrar) appendSome(dst []byte, op *cluster.RegisterOp, room int) []byte {
	room += len(dst)
	for _, named := range [...]bool{true, false} {
		for b := range op.Record.Live(op.Now) {
			end := len(dst)
			if g.names(b.Contact) != named {
				continue
			}
			if dst = g.appendContact(dst, &b, op); len(dst) > room {
				dst = dst[:end]
			}
		}
	}
	return dst
}

// names reports whether the REGISTER has that contact.
func (g *registrar) names(contact []byte) bool {
	for i := range g.op.Update.Contacts {
		if wire.EqualURI(g.op.Update.Contacts[i].URI, contact) {
			return true
		}
	}
	return false
}

// appendContact appends the Contact line of a binding.
func (g *registrar) appendContact(dst []byte, b *location.Binding, op *cluster.RegisterOp) []byte {
	dst = append(append(dst, "Contact: <"...), b.Contact...)
	dst = append(dst, ">;expires="...)
	dst = strconv.AppendUint(dst, uint64(b.ExpiresIn(op.Now)), 10)
	if b.Q != location.MaxQ {
		dst = appendQ(dst, b.Q)
	}
	dst = append(dst, b.Params...)
	if len(b.Instance) > 0 {
		dst = append(append(append(dst, `;+sip.instance="`...), b.Instance...), '"')
	}
	if b.RegID != 0 {
		dst = strconv.AppendUint(append(dst, ";reg-id="...), uint64(b.RegID), 10)
	}
	if g.r.decision.TellGRUU && len(b.Instance) > 0 {
		dst = g.appendGRUUs(dst, b, op)
	}
	return append(dst, '\r', '\n')
}

// appendGRUUs appends the GRUUs of a binding (RFC 5627 5.2): a temporary one to who has
// registered it by this request.
func (g *registrar) appendGRUUs(dst []byte, b *location.Binding, op *cluster.RegisterOp) []byte {
	uri, err := wire.ParseURI(b.Contact)
	callID := b.CallID
	if err != nil || !bytes.Equal(callID, op.Update.CallID) {
		callID = nil
	}
	return g.r.snap.tables.AppendGRUUs(dst, op.Update.AOR, b.Instance, uri.Scheme == wire.SchemeSIPS, callID, b.CSeq)
}

// appendQ appends q from thousandths.
func appendQ(dst []byte, q uint16) []byte {
	return append(dst, ';', 'q', '=', '0', '.', '0'+byte(q/100%10), '0'+byte(q/10%10), '0'+byte(q%10))
}
