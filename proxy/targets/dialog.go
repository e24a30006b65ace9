package targets

import (
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// OfDialog is the one target of a request within a dialog (RFC 3261 16.6 steps 6
// and 7): the next Route, the flow that the token holds, or the Request-URI.
func OfDialog(m *wire.Message, d *routing.Decision) (t Target) {
	end := d.Token.Caller
	if d.ToCallee {
		end = d.Token.Callee
	}
	uri := m.RequestURI()
	if d.RequestURI != nil {
		uri = d.RequestURI
	}
	if d.NextRoute != nil {
		uri = d.NextRoute
	}
	if d.NextRoute != nil && !d.Loose {
		t.Strict = d.NextRoute
	}
	parsed, err := wire.ParseURI(uri)
	hasFlow := d.NextRoute == nil && end.IsValid()
	switch {
	case hasFlow && err == nil && (transport.OverUDP(&parsed) || parsed.Scheme == wire.SchemeTel):
		t.setFlow(end)
	case err != nil || !transport.OverUDP(&parsed):
		t.Failed = true
	default:
		t.setURI(&parsed)
	}
	return t
}
