package auth

import (
	"bytes"

	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/wire"
)

// strip says which header lines are not passed on: credentials for realms of ours, which
// are no business of the far end's (RFC 3261 16.6 and 22.3), and what somebody who is not
// trusted says of who they are (RFC 3325 5 and 9.2).
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
		case wire.HeaderPAssertedIdentity, wire.HeaderPPreferredIdentity:
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
// are if they name one.
func (a *attempt) isForUs(value []byte) bool {
	if digest.Parse(value, &a.response) == nil {
		a.text = a.response.AppendRealm(a.text[:0])
		return a.rules.ours(a.text)
	}
	for _, d := range a.rules.domains {
		if at := bytes.Index(value, d.realm); at > 0 && value[at-1] == '"' && bytes.HasPrefix(value[at+len(d.realm):], quote) {
			return true
		}
	}
	return false
}

var quote = []byte{'"'}
