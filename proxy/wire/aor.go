package wire

import "strconv"

// CanonicalAOR appends the canonical form of an address-of-record: what a registrar and the ring use as the key
// (RFC 3261 10.3 step 5). Addresses that are the same resource have the same form:
//
//   - sip and sips are one (RFC 5630 3.1: both schemes of an AOR are the same resource), written sip;
//   - parameters, headers and the password are left out;
//   - in the user part every character that may stand for itself does, and every other one is an escape in upper case, so
//     that the form is a URI again and different users never collide;
//   - the host is in lower case without a final dot, an IPv6 reference in the form of RFC 5952;
//   - the port is left out if it is 5060, or 5061 with sips.
//
// Of a tel URI visual separators are left out, and so are parameters but the phone-context of a local number (RFC 3966 5).
// Any other URI keeps everything but the case of its scheme. A zero URI appends ":".
func CanonicalAOR(dst []byte, uri URI) []byte {
	switch uri.Scheme {
	case SchemeSIP, SchemeSIPS:
		dst = append(dst, "sip:"...)
		if uri.User != nil {
			dst = append(appendCanonicalUser(dst, uri.User), '@')
		}
		dst = appendCanonicalHost(dst, uri.Host)
		if uri.HasPort && uri.Port != 5060 && (uri.Port != 5061 || uri.Scheme != SchemeSIPS) {
			dst = strconv.AppendUint(append(dst, ':'), uint64(uri.Port), 10)
		}
		return dst
	case SchemeTel:
		return appendCanonicalTel(append(dst, "tel:"...), &uri)
	}
	dst = append(appendLower(dst, uri.SchemeBytes), ':')
	return append(dst, uri.Opaque...)
}

func appendCanonicalUser(dst, user []byte) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(user); i++ {
		c := user[i]
		if c == '%' {
			if d, ok := unescape(user[i:]); ok {
				c = d
				i += 2
			}
		}
		if is(c, classUser) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

func appendCanonicalHost(dst, host []byte) []byte {
	if len(host) > 0 && host[0] == '[' {
		if addr, ok := HostAddr(host); ok {
			return append(addr.AppendTo(append(dst, '[')), ']')
		}
	}
	if n := len(host); n > 1 && host[n-1] == '.' {
		host = host[:n-1]
	}
	return appendLower(dst, host)
}

func appendCanonicalTel(dst []byte, uri *URI) []byte {
	for _, c := range uri.User {
		if !isTelMark(c) {
			dst = append(dst, lower(c))
		}
	}
	if context, ok := uri.Param("phone-context"); ok && uri.User[0] != '+' {
		dst = appendLower(append(dst, ";phone-context="...), context)
	}
	return dst
}

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, lower(c))
	}
	return dst
}
