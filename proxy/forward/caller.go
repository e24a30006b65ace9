package forward

import (
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// Translated reports whether a request came straight from a user agent whose Via
// names another address than its own: one behind NAT. The address alone decides:
// a port may differ because the agent listens on another one.
func Translated(m *wire.Message, via *wire.Via, from netip.Addr) bool {
	return onlyVia(m) && ViaTranslated(via, from)
}

// onlyVia reports whether a request has one Via: who sent it made it.
func onlyVia(m *wire.Message) bool {
	vias := 0
	for range m.Values(wire.HeaderVia) {
		if vias++; vias > 1 {
			return false
		}
	}
	return true
}

// ViaTranslated reports whether a request's topmost Via names another address than
// it came from.
func ViaTranslated(via *wire.Via, from netip.Addr) bool {
	host, literal := wire.HostAddr(via.Host)
	if !literal {
		return transport.IsInvalid(via.Host)
	}
	return host.Unmap() != from
}

// callerWay is where requests within the dialog that r begins go to its caller, and
// whether over that flow alone, as the caller is behind NAT and itself the one that r
// came from, or as it came over the connection of a user agent, it may be reached by
// no other way (RFC 5626 3, RFC 7118 5), or as it asks for it (RFC 5626 4.3). An application
// is reached where it listens, whatever port it has sent from.
func (n *Names) callerWay(r *Request) (way flow.Flow, nat bool) {
	switch from := r.From.Remote.Addr(); {
	case r.From.Transport == flow.Local && n.application != nil:
		return flow.ToLocal(r.From.Owner, n.application.Port), true
	case r.From.Transport.Reliable():
		return r.From, !r.Message.Has(wire.HeaderRecordRoute) && onlyVia(r.Message)
	case !r.Message.Has(wire.HeaderRecordRoute) && onlyVia(r.Message) && asksForItsFlow(r.Message):
		return r.From, true
	case !r.Message.Has(wire.HeaderRecordRoute) && Translated(r.Message, r.Via, from):
		return r.From, true
	case ViaTranslated(r.Via, from):
		return r.From, false
	}
	return r.Back, false
}

// asksForItsFlow reports whether the Contact of a user agent says that requests within
// the dialog are to come over the flow by which it sent this one.
func asksForItsFlow(m *wire.Message) bool {
	value, has := m.Get(wire.HeaderContact)
	if !has {
		return false
	}
	contact, err := wire.ParseNameAddr(value)
	if err != nil {
		return false
	}
	uri, err := wire.ParseURI(contact.URI)
	if err != nil {
		return false
	}
	_, ob := uri.Param("ob")
	return ob
}
