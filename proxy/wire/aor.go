package wire

import "strconv"

// CanonicalAOR appends the canonical form of an address-of-record: what a registrar and the ring use as the key
// (RFC 3261 10.3 step 5). Addresses that are the same resource have the same form:
//
//   - sip and sips are one (RFC 5630 3.1: both schemes of an AOR are the same resource), written sip;
//   - parameters, headers and the password are left out;
//   - in the user part every character that may stand for itself does, and every other one is an escape in upper case, so
//     that the form is a URI again and different users never collide;
//   - the user part of a URI with user=phone that is a telephone number is in the form of AppendTelUser;
//   - the host is in the form of CanonicalHost;
//   - the port is left out if it is 5060, or 5061 with sips.
//
// Of a tel URI visual separators are left out, and so are parameters but those that tell subscribers apart: isub, ext, and
// the phone-context of a local number, in this order (RFC 3966 4, RFC 3261 19.1.6).
// Any other URI keeps everything but the case of its scheme. A zero URI appends ":".
func CanonicalAOR(dst []byte, uri URI) []byte {
	switch uri.Scheme {
	case SchemeSIP, SchemeSIPS:
		dst = append(dst, "sip:"...)
		if uri.User != nil {
			dst = append(appendCanonicalUser(dst, &uri), '@')
		}
		dst = CanonicalHost(dst, uri.Host)
		if uri.HasPort && uri.Port != 5060 && (uri.Port != 5061 || uri.Scheme != SchemeSIPS) {
			dst = strconv.AppendUint(append(dst, ':'), uint64(uri.Port), 10)
		}
		return dst
	case SchemeTel:
		return appendSubscriber(append(dst, "tel:"...), uri.User, uri.Params, nil)
	}
	dst = append(appendLower(dst, uri.SchemeBytes), ':')
	return append(dst, uri.Opaque...)
}

func appendCanonicalUser(dst []byte, uri *URI) []byte {
	start := len(dst)
	for i := 0; i < len(uri.User); i++ {
		c := uri.User[i]
		if c == '%' {
			if d, ok := unescape(uri.User[i:]); ok {
				c = d
				i += 2
			}
		}
		dst = appendUserChar(dst, c)
	}
	if uri.ParamIs("user", "phone") {
		return canonicalPhone(dst, start, uri.Host)
	}
	return dst
}

// appendUserChar appends a character of a user part, as an escape if it may not stand for itself.
func appendUserChar(dst []byte, c byte) []byte {
	const hex = "0123456789ABCDEF"
	if is(c, classUser) {
		return append(dst, c)
	}
	return append(dst, '%', hex[c>>4], hex[c&15])
}

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, Lower(c))
	}
	return dst
}
