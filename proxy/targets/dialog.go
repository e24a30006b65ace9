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
// that names the other address.
func OfDialog(m *wire.Message, d *routing.Decision, anywhere bool) (t Target, moved bool) {
	way, nat := d.Token.Way(d.ToCallee)
	uri := RemoteTarget(m, d)
	if d.NextRoute != nil {
		uri = d.NextRoute
	}
	if d.NextRoute != nil && !d.Loose {
		t.Strict = d.NextRoute
	}
	parsed, err := wire.ParseURI(uri)
	switch {
	case d.NextRoute == nil && nat && err == nil && (transport.OverUDP(&parsed) || parsed.Scheme == wire.SchemeTel):
		t.setFlow(way)
	case err != nil || !transport.OverUDP(&parsed):
		t.Failed = true
	default:
		t.setURI(&parsed, way.Listener)
		moved = !anywhere && t.keep(way) && d.NextRoute == nil
	}
	return t, moved
}

// keep has the request go over a flow if it does not go to that address anyway, and
// reports so. The token of an earlier version has none for an end that is not behind
// NAT.
func (t *Target) keep(way flow.Flow) bool {
	if !way.IsValid() || !t.Failed && t.To.Host == "" && t.To.Addr.Addr().Unmap() == way.Remote.Addr() {
		return false
	}
	t.Failed = false
	t.setFlow(way)
	return true
}

// Move has a request within a dialog go to the live binding whose contact is its
// remote target, and reports whether there is one that is reached directly.
func (t *Target) Move(record location.Record, now int64, tables *routing.Tables, remote []byte) bool {
	for b := range record.Live(now) {
		if len(b.Path) > 0 || !wire.EqualURI(wire.WithoutHeaders(b.Contact), remote) {
			continue
		}
		if found, ok := ofBinding(&b, tables); ok && !found.ours {
			t.To, t.Held, t.Failed = found.To, found.Held, found.Failed
			return true
		}
	}
	return false
}

// RemoteTarget is the Request-URI to route a request by.
func RemoteTarget(m *wire.Message, d *routing.Decision) []byte {
	if d.RequestURI != nil {
		return d.RequestURI
	}
	return m.RequestURI()
}
