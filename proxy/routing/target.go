package routing

import (
	"github.com/sipring/sipring/proxy/wire"
)

// decideTarget is for a request that goes to whom its Request-URI names (RFC
// 3261 16.5).
func (t *Tables) decideTarget(m *wire.Message, uri *wire.URI, d *Decision) {
	switch {
	case t.foreignMaddr(uri):
		d.denyMaddr(m)
	case t.own(uri):
		t.decideOwn(m, d)
	case uri.Scheme == wire.SchemeSIPS && t.Serves(uri.Host):
		// RFC 5630 5.3: never over a transport that is not TLS.
		d.reject(m, 480, "Temporarily Unavailable", "sips")
		d.Extra = sipsLines
	case t.isAOR(uri, d):
		d.Action, d.Why, d.AOR = Lookup, "aor", d.aor
	case t.mayBeContact(m, uri): // by way of an outbound proxy too, whose user part is no token
		d.Action, d.Why = Contact, "contact"
	case d.forged: // where only a token leads
		d.rejectForged(m)
	default:
		d.reject(m, 404, "Not Found", "foreign_domain")
	}
}

// denyMaddr refuses a Request-URI whose maddr is the only target (RFC 3261
// 16.5), and a stranger.
func (d *Decision) denyMaddr(m *wire.Message) {
	d.reject(m, 403, "Relaying Denied: maddr Is Not In Aliases", "foreign_maddr")
}

// isTarget is isAOR for a Request-URI, whose maddr leads past the
// address-of-record.
func (t *Tables) isTarget(uri *wire.URI, d *Decision) bool {
	return !t.foreignMaddr(uri) && t.isAOR(uri, d)
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
// its canonical form in d.aor. A tel URI is the user of that number (RFC 3261
// 19.1.6) in the domain of its phone-context, if that is served here, else in
// the first one.
func (t *Tables) isAOR(uri *wire.URI, d *Decision) bool {
	switch uri.Scheme {
	case wire.SchemeSIP, wire.SchemeSIPS:
		if uri.User == nil || !t.Serves(uri.Host) {
			return false
		}
		d.aor = wire.CanonicalAOR(d.aor[:0], *uri)
		return true
	case wire.SchemeTel:
		home := t.firstDomain
		if context, _ := uri.Param("phone-context"); uri.User[0] != '+' && t.Serves(context) {
			home = context
		}
		d.aor = wire.AppendTelUser(append(d.aor[:0], "sip:"...), *uri, home)
		d.aor = wire.CanonicalHost(append(d.aor, '@'), home)
		return true
	}
	return false
}
