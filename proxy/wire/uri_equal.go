package wire

import "bytes"

// EqualURI compares two URIs as RFC 3261 19.1.4 wants it for bindings. In short: users are case-sensitive; a default port
// or transport that is written down differs from one that is not; user, ttl, method, maddr and transport have to be in both
// or in neither; other parameters count only if both have them; headers always count. Escapes of characters that are not
// reserved do not matter. tel URIs are compared in canonical form (RFC 3966 4), any other but for the case of the scheme.
// What is no URI, or has more than 16 parameters or headers, is equal only to the same bytes.
func EqualURI(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	u, errU := ParseURI(a)
	v, errV := ParseURI(b)
	if errU != nil || errV != nil || u.Scheme != v.Scheme {
		return false
	}
	switch u.Scheme {
	case SchemeSIP, SchemeSIPS:
		return equalSIP(&u, &v)
	case SchemeTel:
		return equalTel(&u, &v)
	}
	return equalFold(u.SchemeBytes, v.SchemeBytes) && bytes.Equal(u.Opaque, v.Opaque)
}

// maxCompared bounds the work of comparing parameters, which is quadratic.
const maxCompared = 16

func equalSIP(u, v *URI) bool {
	return bytes.Count(u.Params, []byte{';'}) < maxCompared && bytes.Count(v.Params, []byte{';'}) < maxCompared &&
		bytes.Count(u.Headers, []byte{'&'}) < maxCompared && bytes.Count(v.Headers, []byte{'&'}) < maxCompared &&
		(u.User == nil) == (v.User == nil) && equalEscaped(u.User, v.User, false) &&
		(u.Password == nil) == (v.Password == nil) && equalEscaped(u.Password, v.Password, false) &&
		equalHost(u.Host, v.Host) && u.HasPort == v.HasPort && u.Port == v.Port &&
		paramsMatch(u.Params, v.Params) && paramsMatch(v.Params, u.Params) &&
		headersMatch(u.Headers, v.Headers) && headersMatch(v.Headers, u.Headers)
}

func equalHost(a, b []byte) bool {
	if equalFold(withoutDot(a), withoutDot(b)) {
		return true
	}
	x, okX := HostAddr(a)
	y, okY := HostAddr(b)
	return okX && okY && x == y
}

func equalTel(u, v *URI) bool {
	var bufU, bufV [64]byte
	return bytes.Equal(CanonicalAOR(bufU[:0], *u), CanonicalAOR(bufV[:0], *v))
}

// paramsMatch reports whether every parameter of a agrees with b.
func paramsMatch(a, b []byte) bool {
	p := params{b: a}
	for p.next() {
		value, ok := findEscapedParam(b, p.name)
		if !ok {
			if significant(p.name) {
				return false
			}
			continue
		}
		if !equalEscaped(p.value, value, true) {
			return false
		}
	}
	return true
}

// significantParams must be in both URIs. transport is not in the rule's text but in its examples.
var significantParams = [...]string{"user", "ttl", "method", "maddr", "transport"}

func significant(name []byte) bool {
	for _, s := range significantParams {
		if equalEscaped(name, s, true) {
			return true
		}
	}
	return false
}

func findEscapedParam[T []byte | string](b []byte, name T) (value []byte, ok bool) {
	p := params{b: b}
	for p.next() {
		if equalEscaped(p.name, name, true) {
			return p.value, true
		}
	}
	return nil, false
}

// headersMatch reports whether every header of a is in b with the same value.
func headersMatch(a, b []byte) bool {
	for len(a) > 0 {
		var pair []byte
		pair, a, _ = bytes.Cut(a, []byte{'&'})
		name, value, _ := bytes.Cut(pair, []byte{'='})
		if !hasHeader(b, name, value) {
			return false
		}
	}
	return true
}

func hasHeader(b, name, value []byte) bool {
	for len(b) > 0 {
		var pair []byte
		pair, b, _ = bytes.Cut(b, []byte{'&'})
		n, v, _ := bytes.Cut(pair, []byte{'='})
		if equalEscaped(n, name, true) && equalEscaped(v, value, false) {
			return true
		}
	}
	return false
}

// equalEscaped compares characters, not their spelling: an escape equals the character it stands for, unless that is
// reserved (RFC 2396 2.2) or is "%".
func equalEscaped[T []byte | string](a []byte, b T, fold bool) bool {
	for len(a) > 0 && len(b) > 0 {
		ca, escA, na := nextChar(a)
		cb, escB, nb := nextChar(b)
		if fold {
			ca, cb = Lower(ca), Lower(cb)
		}
		if ca != cb || escA != escB {
			return false
		}
		a, b = a[na:], b[nb:]
	}
	return len(a) == len(b)
}

// nextChar returns the first character, whether it is an escape that differs from the character itself, and the bytes it
// takes.
func nextChar[T []byte | string](b T) (c byte, escape bool, n int) {
	if c, ok := unescape(b); ok {
		switch c {
		case ';', '/', '?', ':', '@', '&', '=', '+', '$', ',', '%':
			return c, true, 3
		}
		return c, false, 3
	}
	return b[0], false, 1
}
