package auth

import (
	"bytes"

	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/wire"
)

// strip says which header lines are not passed on: credentials for realms of ours, which
// are no business of the far end's (RFC 3261 16.6 and 22.3), and what somebody who is not
// trusted says of who they are (RFC 3325 5 and 9.2, and the draft before it, which phones
// believe as well).
func (a *attempt) strip(trusted bool) {
	a.d.Strip = a.d.Strip[:0]
	if a.m.Method() == wire.MethodRegister {
		return // goes nowhere
	}
	for i := range a.m.Headers {
		switch h := &a.m.Headers[i]; h.ID {
		case wire.HeaderAuthorization, wire.HeaderProxyAuthorization:
			if a.isForUs(h.Value.In(a.m.Raw)) {
				a.d.Strip = append(a.d.Strip, i)
			}
		case wire.HeaderPAssertedIdentity, wire.HeaderPPreferredIdentity, wire.HeaderRemotePartyID:
			if !trusted {
				a.d.Strip = append(a.d.Strip, i)
			}
		case wire.HeaderPrivacy:
			if asksForID(h.Value.In(a.m.Raw)) {
				a.d.Private, a.d.Trusts = true, a.rules.trusts
			}
		}
	}
}

// asksForID reports whether a value of Privacy has id among its words (RFC 3323 4.2, RFC
// 3325 9.3). Some phones separate them by commas.
func asksForID(value []byte) bool {
	for word := range bytes.FieldsFuncSeq(value, func(r rune) bool { return r == ';' || r == ',' || r == ' ' || r == '\t' || r == '\r' || r == '\n' }) {
		if bytes.EqualFold(word, id) {
			return true
		}
	}
	return false
}

var id = []byte("id")

// isForUs reports whether credentials are for a realm of ours. Those that cannot be read
// are if they name one, as whoever reads on might find.
func (a *attempt) isForUs(value []byte) bool {
	if digest.Parse(value, &a.response) == nil {
		a.text = a.response.AppendRealm(a.text[:0])
		return a.rules.ours(a.text)
	}
	for _, d := range a.rules.domains {
		if isNamedIn(value, d.realm) {
			return true
		}
	}
	return false
}

// isNamedIn reports whether a realm is the value of a parameter, or might be.
func isNamedIn(value, realm []byte) bool {
	for {
		at := bytes.Index(value, realm)
		if at < 0 {
			return false
		}
		if end := at + len(realm); at > 0 && isEdge(value[at-1]) && (end == len(value) || isEdge(value[end])) {
			return true
		}
		value = value[at+1:]
	}
}

// isEdge reports whether a character may stand beside a parameter's value.
func isEdge(c byte) bool { return bytes.IndexByte([]byte("\"=, \t\r\n"), c) >= 0 }
