package digest

// AppendChallenge appends a header line for each algorithm, in their order, which is that of
// preference (RFC 8760 section 2.4): WWW-Authenticate, or Proxy-Authenticate if proxy. The
// realm is without escapes. stale says that the nonce alone was at fault, and the phone need
// not ask its user for another password (RFC 7616 section 3.3).
func AppendChallenge(dst []byte, proxy bool, realm []byte, algorithms []Algorithm, nonce []byte, stale bool) []byte {
	name := "WWW-Authenticate"
	if proxy {
		name = "Proxy-Authenticate"
	}
	for _, a := range algorithms {
		dst = append(append(dst, name...), ": Digest realm="...)
		dst = appendQuoted(dst, realm)
		dst = append(dst, `, qop="auth", algorithm=`...)
		dst = append(append(dst, a.String()...), ", nonce="...)
		dst = appendQuoted(dst, nonce)
		if stale {
			dst = append(dst, ", stale=true"...)
		}
		dst = append(dst, "\r\n"...)
	}
	return dst
}

// Challenge is what a WWW-Authenticate or Proxy-Authenticate header field asks for (RFC 7616
// section 3.3). Its slices are views into the field's value, without quotes and with the
// escapes of quoted strings as they were.
type Challenge struct {
	Realm, Nonce []byte
	Opaque       []byte // nil if there is none
	Algorithm    Algorithm
	QOP          QOP
	Stale        bool
}

// ParseChallenge reads the value of a WWW-Authenticate or Proxy-Authenticate header field
// into c. The error is as that of Parse; c is empty then.
func ParseChallenge(value []byte, c *Challenge) error {
	*c = Challenge{}
	if err := c.read(value); err != nil {
		*c = Challenge{}
		return err
	}
	return nil
}

func (c *Challenge) read(value []byte) *Error {
	var f fields
	if err := f.read(value); err != nil {
		return err
	}
	for _, id := range []field{realm, nonce} {
		if !f.has(id) {
			return known[id].missing
		}
	}
	var ok bool
	if c.Algorithm, ok = ParseAlgorithm(f.value[algorithm]); !ok {
		return errAlgorithm
	}
	if list := f.value[qop]; len(list) > 0 {
		if !listHas(list, "auth") {
			return errQOP
		}
		c.QOP = QOPAuth
	}
	c.Realm, c.Nonce, c.Opaque = f.value[realm], f.value[nonce], f.value[opaque]
	c.Stale = equalFold(f.value[stale], "true")
	return nil
}

// listHas reports whether a list separated by commas has a word.
func listHas(list []byte, word string) bool {
	for start, i := 0, 0; i <= len(list); i++ {
		if i < len(list) && list[i] != ',' {
			continue
		}
		one := list[start:i]
		one = one[skipSpace(one, 0):]
		for len(one) > 0 && isSpace(one[len(one)-1]) {
			one = one[:len(one)-1]
		}
		if equalFold(one, word) {
			return true
		}
		start = i + 1
	}
	return false
}
