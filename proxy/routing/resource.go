package routing

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/wire"
)

// AOR is the canonical form of an address-of-record as a person writes it: a SIP, SIPS
// or tel URI, or user@domain. The error says what is wrong with it.
func (t *Tables) AOR(text string) ([]byte, error) {
	b := []byte(text)
	uri, err := wire.ParseURI(b)
	if (err != nil || uri.Scheme == wire.SchemeOther) && bytes.IndexByte(b, '@') > 0 {
		uri, err = wire.ParseURI(append([]byte("sip:"), b...))
	}
	switch {
	case err != nil || uri.Scheme == wire.SchemeOther || uri.Scheme != wire.SchemeTel && uri.User == nil:
		return nil, errors.New("an address-of-record is sip:user@domain, or tel: and a number")
	case uri.Scheme != wire.SchemeTel && !t.Serves(uri.Host):
		return nil, fmt.Errorf("%q is no domain that is served here", uri.Host)
	}
	var d Decision
	if !t.isAOR(&uri, &d) || len(d.aor) > location.MaxAOR {
		return nil, fmt.Errorf("an address-of-record has at most %d bytes", location.MaxAOR)
	}
	return d.aor, nil
}

// maxIdentities is how many identities of a header Concerns looks at.
const maxIdentities = 8

// identities are the headers that say who a message is from and to (RFC 3261 8.1.1,
// RFC 3325 9, and what was before that).
var identities = [...]wire.HeaderID{wire.HeaderTo, wire.HeaderFrom, wire.HeaderPAssertedIdentity, wire.HeaderPPreferredIdentity, wire.HeaderRemotePartyID}

// Concerns reports whether an address-of-record, in canonical form, is one of those that
// the message names as whom it is from, to, or for.
func (t *Tables) Concerns(m *wire.Message, aor []byte) bool {
	if m.IsRequest() && t.same(m.RequestURI(), aor) {
		return true
	}
	for _, id := range identities {
		n := 0
		for value := range m.Values(id) {
			if n++; n > maxIdentities {
				break
			}
			if address, err := wire.ParseNameAddr(value); err == nil && t.same(address.URI, aor) {
				return true
			}
		}
	}
	return false
}

// same reports whether a URI is that address-of-record.
func (t *Tables) same(text, aor []byte) bool {
	uri, err := wire.ParseURI(text)
	if err != nil {
		return false
	}
	var space [256]byte
	d := Decision{aor: space[:0]}
	return t.isAOR(&uri, &d) && bytes.Equal(d.aor, aor)
}
