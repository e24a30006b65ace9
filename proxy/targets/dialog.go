package targets

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// OfDialog is the one target of a request within a dialog (RFC 3261 16.6 steps 6
// and 7): the next Route, the flow that the token holds, or the Request-URI. A Route
// or Request-URI at another address than the token has for that end is obeyed where
// anywhere says so, else the request goes where the token has it: it may be that of
// no proxy that recorded a route, and of no end. With moved it is the Request-URI
// that names the other address, or is a GRUU of ours. An end with a connection is reached
// over that, and an application where it is.
func OfDialog(m *wire.Message, d *routing.Decision, tables *routing.Tables, anywhere bool) (t Target, moved bool) {
	way, nat := d.Token.Way(d.ToCallee)
	if way.Transport == flow.Local { // whatever the request names
		t.setFlow(way)
		return t, false
	}
	uri := RemoteTarget(m, d)
	if d.NextRoute != nil {
		uri = d.NextRoute
	}
	if d.NextRoute != nil && !d.Loose {
		t.Strict = d.NextRoute
	}
	parsed, err := wire.ParseURI(uri)
	over, served := transport.Of(&parsed, tables.Carries)
	switch {
	case err != nil || parsed.Scheme == wire.SchemeOther:
		t.Failed = true
	case nat && way.Conn != 0, nat && d.NextRoute == nil && (served && over == way.Transport || parsed.Scheme == wire.SchemeTel):
		t.setFlow(way)
		t.Failed = parsed.Scheme == wire.SchemeSIPS && !way.Transport.Secure()
	case d.NextRoute == nil && routing.IsGRUU(&parsed) && tables.HasAOR(&parsed):
		t.keep(way, &parsed)
		t.Failed = t.Failed || !t.Held.IsValid()
		moved = true
	case !served:
		t.Failed = true
	default:
		t.setURI(&parsed, over, way.Listener)
		moved = (t.Failed || !anywhere) && t.keep(way, &parsed) && d.NextRoute == nil
	}
	return t, moved
}

// keep has the request for a URI go over a flow if it does not go to that address
// anyway, and reports so. The token of an earlier version has none for an end that is
// not behind NAT. What is to be secured fails where the flow is not (RFC 5630 5.3).
func (t *Target) keep(way flow.Flow, uri *wire.URI) bool {
	if !way.IsValid() || !t.Failed && t.To.Host == "" && t.To.Addr.Addr().Unmap() == way.Remote.Addr() {
		return false
	}
	t.setFlow(way)
	t.Failed = uri.Scheme == wire.SchemeSIPS && !way.Transport.Secure()
	return true
}

// Move has a request within a dialog go to the live binding whose contact is its
// remote target, or the newest of its instance if that is a GRUU, and reports whether
// there is one that is reached directly.
func (t *Target) Move(record location.Record, now int64, tables *routing.Tables, remote []byte) bool {
	if uri, err := wire.ParseURI(remote); err == nil && routing.IsGRUU(&uri) {
		return t.moveToGRUU(record, now, tables, &uri)
	}
	sips := isSIPS(remote)
	for b := range record.Live(now) {
		if len(b.Path) == 0 && wire.EqualURI(wire.WithoutHeaders(b.Contact), remote) && t.goTo(&b, record.AOR(), tables, sips) {
			return true
		}
	}
	return false
}

// goTo has the request go where a binding is reached, if that is directly, or over the
// connection of the first proxy of its Path, and reports whether it does. What is behind
// that proxy the Routes of the dialog say.
func (t *Target) goTo(b *location.Binding, aor []byte, tables *routing.Tables, sips bool) bool {
	if len(b.Path) > 0 {
		if b.Flow.Conn == 0 || sips && !b.Flow.Transport.Secure() {
			return false
		}
		t.setFlow(b.Flow)
		t.Failed = false
		return true
	}
	found, ok := ofBinding(b, aor, tables, sips)
	if !ok || found.ours {
		return false
	}
	t.To, t.Held, t.Failed, t.open = found.To, found.Held, found.Failed, found.open
	return true
}

// RemoteTarget is the Request-URI to route a request by.
func RemoteTarget(m *wire.Message, d *routing.Decision) []byte {
	if d.RequestURI != nil {
		return d.RequestURI
	}
	return m.RequestURI()
}
