package routing

import "github.com/sipring/sipring/proxy/wire"

// maxGuesses is in how many of the domains served a contact's user part is
// looked for. Each costs a lookup, which any stranger can have made.
const maxGuesses = 3

// decideContact is for a request that may be for a contact of an
// address-of-record served here, as an attended transfer is (RFC 5589 7): one
// outside a dialog whose Request-URI is not ours. Whether somebody registered the
// contact is for the cluster to say. The ACK of a failure has a To tag, and goes
// where its INVITE went. It may come by way of an outbound proxy setting, whose
// user part is no token.
func decideContact(t *Tables, m *wire.Message, d *Decision) Verdict {
	if d.uri.Scheme != wire.SchemeSIP && !d.fromTLS() || m.ToTag() != nil && m.Method() != wire.MethodAck || t.names(&d.uri) {
		return Next
	}
	return d.decide(Contact, "contact")
}

// fromTLS reports whether the request is for a SIPS URI and came as one has to.
func (d *Decision) fromTLS() bool { return d.SIPS() && d.From.Transport.Secure() }

// GuessAOR appends the i-th address-of-record, from 0, that a contact may be
// registered for by its user part, in canonical form; of a GRUU the one that it is of. ok
// is false if there is none more.
func (t *Tables) GuessAOR(dst, contact []byte, i int) (aor []byte, ok bool) {
	uri, err := wire.ParseURI(contact)
	if err != nil || uri.User == nil || i >= len(t.guesses) {
		return dst, false
	}
	if IsGRUU(&uri) && t.Serves(uri.Host) {
		return t.appendAOROfGRUU(dst, &uri, i)
	}
	return wire.CanonicalAOR(dst, wire.URI{Scheme: wire.SchemeSIP, User: uri.User, Host: t.guesses[i]}), true
}
