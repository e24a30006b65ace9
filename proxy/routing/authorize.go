package routing

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// What policies of Checks.Authorize may ask beside what the Decision holds.

// ForProxy reports whether the request is for the proxy itself and nobody behind it
// (RFC 3261 11).
func (d *Decision) ForProxy() bool {
	return d.uri.Scheme != wire.SchemeTel && d.uri.User == nil && d.tables.names(&d.uri)
}

// WithinDialog reports whether the request goes where the token of its dialog leads,
// or nowhere, and the flow that the dialog has for the end which it says it is from.
// Without a flow it is from neither end. A REGISTER is within no dialog (RFC 3261 10.2).
func (d *Decision) WithinDialog() (end flow.Flow, ok bool) {
	if !d.signed || d.request.Method() == wire.MethodRegister || d.isForAOR() {
		return flow.Flow{}, false
	}
	switch d.Token.CallerTag {
	case token.HashTag(d.request.FromTag()):
		end, _ = d.Token.Way(false)
	case token.HashTag(d.request.ToTag()):
		end, _ = d.Token.Way(true)
	}
	return end, true
}

// EndsOnly reports whether the request can begin nothing at its far end: ACK, BYE and
// CANCEL.
func (d *Decision) EndsOnly() bool { return endsOnly(d.request) }

// Target is the Request-URI to route by.
func (d *Decision) Target() *wire.URI { return &d.uri }

// Registered is the address-of-record in To, in canonical form: that which a REGISTER is
// for. ok is false if it is none that is served here. The bytes are the Decision's.
func (d *Decision) Registered() (aor []byte, ok bool) {
	if !d.readTo {
		d.readTo = true
		to, err := d.request.To()
		if err != nil {
			return nil, false
		}
		d.to, d.served = d.tables.parseAOR(d.to[:0], to.URI)
	}
	return d.to, d.served
}

// parseAOR is AppendAOR of a text.
func (t *Tables) parseAOR(dst, text []byte) (aor []byte, ok bool) {
	uri, err := wire.ParseURI(text)
	if err != nil {
		return dst, false
	}
	return t.AppendAOR(dst, &uri)
}

// AppendAOR appends the canonical form of an address-of-record served here. ok is false
// if the URI is none.
func (t *Tables) AppendAOR(dst []byte, uri *wire.URI) (aor []byte, ok bool) {
	switch uri.Scheme {
	case wire.SchemeSIP, wire.SchemeSIPS:
		if uri.User == nil || !t.Serves(uri.Host) {
			return dst, false
		}
		return wire.CanonicalAOR(dst, *uri), true
	case wire.SchemeTel:
		home := t.firstDomain
		if context, _ := uri.Param("phone-context"); uri.User[0] != '+' && t.Serves(context) {
			home = context
		}
		dst = wire.AppendTelUser(append(dst, "sip:"...), *uri, home)
		return wire.CanonicalHost(append(dst, '@'), home), true
	}
	return dst, false
}
