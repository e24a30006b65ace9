package auth

import (
	"bytes"
	"slices"
	"strings"

	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

// admit lets in who has proved to be a user, if what they claim is theirs.
func (a *attempt) admit() routing.Verdict {
	if a.proxy() {
		a.use()
	}
	switch {
	case len(a.aor) > 0 && !a.owns(a.aor):
		return a.refuse("Address-Of-Record Is Another User's", "not_theirs")
	case len(a.aor) > 0:
		a.d.Identity = append(a.d.Identity[:0], a.aor...)
	default:
		a.d.Identity = a.appendOwn(a.d.Identity[:0])
	}
	a.d.Authenticated = true
	if !a.proxy() {
		a.d.Proof = a.proof()
	}
	if a.rules.assert && a.proxy() {
		a.d.Assert = append(append(append(a.d.Assert[:0], '<'), a.d.Identity...), '>')
	}
	return a.mayCall()
}

// owns reports whether a canonical address-of-record is the user's: their name in a
// domain of the realm, or one of those that the source of credentials gives them.
func (a *attempt) owns(aor []byte) bool {
	user, host := splitAOR(aor)
	name, domain := a.name()
	of := a.rules.domains[string(host)] // with a port it is none of theirs
	if of != nil && bytes.Equal(of.realm, a.domain.realm) && (domain == nil || domain == of) && isUser(user, name) {
		return true
	}
	return slices.ContainsFunc(a.credential.AORs, func(own string) bool { return own == string(aor) || a.isNumber(own, aor) })
}

// isNumber reports whether a tel URI is the number of a canonical address-of-record, which
// is in the domain that the number belongs to here.
func (a *attempt) isNumber(own string, aor []byte) bool {
	if !strings.HasPrefix(own, "tel:") {
		return false
	}
	a.text = append(a.text[:0], own...)
	uri, err := wire.ParseURI(a.text)
	if err != nil {
		return false
	}
	var form [512]byte
	number, ok := a.tables.AppendAOR(form[:0], &uri)
	return ok && bytes.Equal(number, aor)
}

// name splits the user name into that and its domain, nil if it has none. With a domain
// that is not of the realm the name is that of nobody here.
func (a *attempt) name() (name []byte, d *domain) {
	at := bytes.LastIndexByte(a.username, '@')
	if at < 0 {
		return a.username, nil
	}
	if d = a.rules.domainNamed(a.username[at+1:]); d != nil && bytes.Equal(d.realm, a.domain.realm) {
		return a.username[:at], d
	}
	return nil, nil
}

// proof is what the sender proved.
func (a *attempt) proof() location.Proof {
	return location.Proof{Nonce: a.nonce, Count: a.response.Count}
}

// use has what proves a request that is no REGISTER used up, whether or not it is let in:
// whoever has seen it could send another one with it, to the same target, that says to be
// from any address-of-record of the user's and has another body. So it is kept with the
// user, and not with whom the request is from, which the response does not cover.
func (a *attempt) use() {
	p := a.proof()
	a.d.Account = location.AppendPlace(a.appendAccount(a.d.Account[:0]), p)
	a.d.Proof, a.d.Copy = p.ForPlace(), a.g.keys.MarkRequest(a.response.Nonce, a.m.Raw, a.d.From.Remote.Addr().Unmap())
}

// appendAccount appends an address-of-record that stands for the user, the same whatever
// a request says.
func (a *attempt) appendAccount(dst []byte) []byte {
	name, d := a.name()
	if d == nil {
		d = a.domain.first
	}
	if len(name) == 0 {
		name = a.username
	}
	return a.appendUser(dst, name, d)
}

// appendOwn appends an address-of-record of the user.
func (a *attempt) appendOwn(dst []byte) []byte {
	name, d := a.name()
	if d == nil {
		d = a.domain
	}
	if len(name) > 0 {
		return a.appendUser(dst, name, d)
	}
	if len(a.credential.AORs) > 0 {
		return append(dst, a.credential.AORs[0]...)
	}
	return dst
}

// appendUser appends the address-of-record of a name in a domain.
func (a *attempt) appendUser(dst, name []byte, d *domain) []byte {
	a.text = a.text[:0]
	for _, c := range name { // which is no URI: what looks like an escape is none
		if a.text = append(a.text, c); c == '%' {
			a.text = append(a.text, "25"...)
		}
	}
	return wire.CanonicalAOR(dst, wire.URI{Scheme: wire.SchemeSIP, User: a.text, Host: d.name})
}

// splitAOR splits a canonical address-of-record at its last @.
func splitAOR(aor []byte) (user, host []byte) {
	aor = bytes.TrimPrefix(aor, sipColon)
	at := bytes.LastIndexByte(aor, '@')
	if at < 0 {
		return nil, aor
	}
	return aor[:at], aor[at+1:]
}

var sipColon = []byte("sip:")

// cutPort cuts the port off a canonical host, if it has one.
func cutPort(host []byte) (name []byte, has bool) {
	at := bytes.LastIndexByte(host, ':')
	if at < 0 || bytes.IndexByte(host[at:], ']') >= 0 {
		return host, false
	}
	return host[:at], true
}

// isUser reports whether the user part of a canonical address-of-record, with its
// escapes, is a name.
func isUser(user, name []byte) bool {
	if len(name) == 0 {
		return false
	}
	i := 0
	for _, c := range name {
		switch {
		case i < len(user) && user[i] == '%' && i+2 < len(user) && unhex(user[i+1])<<4|unhex(user[i+2]) == c:
			i += 3
		case i < len(user) && user[i] == c && c != '%':
			i++
		default:
			return false
		}
	}
	return i == len(user)
}

// unhex is the value of a digit in upper case, as canonical escapes have them.
func unhex(c byte) byte {
	if c >= 'A' {
		return c - 'A' + 10
	}
	return c - '0'
}
