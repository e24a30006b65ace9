package server

import (
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// A phone says itself where it is called: in a Contact, and within a dialog in
// Contact and Record-Route. Who believed it would send to whomever a stranger
// names, and tell the stranger what became of it. So unless the configuration has
// it otherwise (config.ContactsAny), what is sent goes to the address that the
// phone's own message came from: a datagram from there is the one sign there is
// that who has the address wants it. A port may differ, as a user agent may listen
// on another than it sends from.

// bindContacts sets where requests for what a REGISTER binds go, if that is not
// what its contacts say. It reports whether they may be bound: a contact at another
// address than the REGISTER's may be anybody's. What cannot be sent to from here,
// such as the address of a phone in its other family, harms nobody. Who is behind
// NAT, or says no address in its Via, is called where its REGISTER came from.
func (g *registrar) bindContacts() bool {
	if !g.bindOrigins() {
		return false
	}
	g.own()
	return true
}

// own has the flow of who is behind NAT be this member's, to which its packets come.
func (g *registrar) own() {
	u := &g.op.Update
	if u.Flow.Transport != flow.UDP || u.Fetch() {
		return
	}
	behindNAT := u.Flow.IsValid() && (forward.ViaTranslated(&g.r.reply.via, g.r.from.Remote.Addr()) || g.translated)
	o := g.r.s.owns(g.r.snap, g.r.from, behindNAT)
	if o.ID == 0 {
		return
	}
	if !u.Flow.IsValid() { // at its contact, which is its own address
		u.Flow = g.r.reply.back
	}
	u.Flow.Owner, u.Flow.Life = o.ID, o.Life
	g.r.s.owned.add(sourceOf(u.Flow), g.r.now, g.r.now+registersMillis) // whoever finds the binding may send at once
}

func (g *registrar) bindOrigins() bool {
	u := &g.op.Update
	g.translated = false
	if g.r.from.Conn != 0 { // reached over that alone, whatever it says
		u.Flow = g.r.from
		return true
	}
	u.Flow = flow.Flow{Listener: g.r.from.Listener}
	if forward.Translated(&g.r.msg, &g.r.reply.via, g.r.from.Remote.Addr()) {
		u.Flow = g.r.from
	}
	if g.r.snap.config.Egress.Contacts == config.ContactsAny {
		return true
	}
	if len(u.Path) > 0 { // goes by way of its first hop (RFC 3327 5.4)
		first, _ := wire.CutValue(u.Path)
		hop, err := wire.ParseNameAddr(first)
		return err != nil || g.bind(hop.URI)
	}
	for i := range u.Contacts {
		if c := &u.Contacts[i]; c.Expires > 0 && !g.bind(c.URI) {
			return false
		}
	}
	return true
}

// bind sees to one URI of a registration. A name is not asked for: what it stands
// for is up to whoever has its domain, and may change.
func (g *registrar) bind(text []byte) bool {
	u := &g.op.Update
	uri, err := wire.ParseURI(text)
	if err != nil {
		return true
	}
	over, served := transport.Of(&uri, g.r.snap.tables.Carries)
	if !served { // never sent to
		return true
	}
	to, ok := transport.URIDestination(&uri, over)
	literal, a := ok && to.Host == "", to.Addr.Addr().Unmap()
	switch {
	case literal && a == g.r.from.Remote.Addr(), g.r.snap.tables.Names(&uri):
	case literal && a.Is6() && !g.r.s.layer.Reaches(a): // not sent to from here
	case forward.ViaTranslated(&g.r.reply.via, g.r.from.Remote.Addr()):
		u.Flow = g.r.from
	case literal && g.viaIsLiteral():
		return false
	default:
		u.Flow, g.translated = g.r.reply.back, literal
	}
	return true
}

// viaIsLiteral reports whether the topmost Via says at which address the sender
// believes to be.
func (g *registrar) viaIsLiteral() bool {
	_, literal := wire.HostAddr(g.r.reply.via.Host)
	return literal
}
