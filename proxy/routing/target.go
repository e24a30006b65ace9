package routing

import (
	"github.com/sipring/sipring/proxy/wire"
)

// decideTarget is for a request that goes to whom its Request-URI names (RFC
// 3261 16.5).
func (t *Tables) decideTarget(m *wire.Message, uri *wire.URI, d *Decision) {
	switch {
	case t.own(uri):
		t.decideOwn(m, d)
	case uri.Scheme == wire.SchemeSIPS && t.Serves(uri.Host):
		// RFC 5630 5.3: never over a transport that is not TLS.
		d.reject(m, 480, "Temporarily Unavailable", "sips")
		d.Extra = sipsLines
	case t.isAOR(uri, d):
		d.Action, d.Why, d.AOR = Lookup, "aor", d.aor
	default:
		d.reject(m, 404, "Not Found", "foreign_domain")
	}
}

// own reports whether the URI is the proxy itself and nobody behind it.
func (t *Tables) own(uri *wire.URI) bool {
	return uri.Scheme != wire.SchemeTel && uri.User == nil && t.names(uri)
}

func (t *Tables) decideOwn(m *wire.Message, d *Decision) {
	if m.Method() == wire.MethodOptions {
		d.options(m)
		return
	}
	d.reject(m, 405, "Method Not Allowed", "own_address")
	d.Extra = allowLine
}

// isAOR reports whether the URI is an address-of-record served here, and leaves
// its canonical form in d.aor. A tel URI is the user of that number in the
// first domain (RFC 3261 19.1.6).
func (t *Tables) isAOR(uri *wire.URI, d *Decision) bool {
	switch uri.Scheme {
	case wire.SchemeSIP, wire.SchemeSIPS:
		if uri.User == nil || !t.Serves(uri.Host) {
			return false
		}
		d.aor = wire.CanonicalAOR(d.aor[:0], *uri)
		return true
	case wire.SchemeTel:
		d.aor = append(d.aor[:0], "sip:"...)
		for _, c := range uri.User {
			if c != '-' && c != '.' && c != '(' && c != ')' {
				d.aor = append(d.aor, c)
			}
		}
		d.aor = append(append(d.aor, '@'), t.firstDomain...)
		return true
	}
	return false
}
