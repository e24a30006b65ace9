package wire

import (
	"bytes"
	"net/netip"
)

// splitHostPort reads host [":" port]. A name has no empty labels, but may end with a dot. An IPv6 reference keeps its
// brackets (RFC 3261 25.1). White space around the colon, which Via allows, is accepted if lws.
func splitHostPort(b []byte, lws bool) (host []byte, port uint16, hasPort, ok bool) {
	var rest []byte
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 || !validIPv6(b[1:end]) {
			return nil, 0, false, false
		}
		host, rest = b[:end+1], b[end+1:]
	} else {
		end := 0
		for end < len(b) && is(b[end], classHost) && (b[end] != '.' || end > 0 && b[end-1] != '.') {
			end++
		}
		if end == 0 {
			return nil, 0, false, false
		}
		host, rest = b[:end], b[end:]
	}
	if lws {
		rest = trimLWS(rest)
	}
	if len(rest) == 0 {
		return host, 0, false, true
	}
	if rest[0] != ':' {
		return nil, 0, false, false
	}
	rest = rest[1:]
	if lws {
		rest = trimLWS(rest)
	}
	n, ok := parseUint(rest, 65535)
	if !ok || n == 0 || n > 65535 {
		return nil, 0, false, false
	}
	return host, uint16(n), true, true
}

// HostAddr reads a host that is an IP address: IPv4, or IPv6 with or without brackets (RFC 5118 4.5 has both in
// received). ok is false for names. Zones are refused.
func HostAddr(host []byte) (addr netip.Addr, ok bool) {
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
		return parseIPv6(host)
	}
	if bytes.IndexByte(host, ':') >= 0 {
		return parseIPv6(host)
	}
	a, ok := parseIPv4(host)
	if !ok {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4(a), true
}

func validIPv6(b []byte) bool {
	_, ok := parseIPv6(b)
	return ok
}

func parseIPv4(b []byte) (a [4]byte, ok bool) {
	for i := range a {
		n := bytes.IndexByte(b, '.')
		if i == 3 {
			n = len(b)
		}
		if n < 1 || n > 3 || n > 1 && b[0] == '0' {
			return a, false
		}
		v, ok := parseUint(b[:n], 255)
		if !ok || v > 255 {
			return a, false
		}
		a[i] = byte(v)
		b = b[min(n+1, len(b)):]
	}
	return a, true
}

// parseIPv6 reads the text form of RFC 4291 2.2. netip.ParseAddr does the same for strings, but allocates.
func parseIPv6(b []byte) (addr netip.Addr, ok bool) {
	var a [16]byte
	n, gap := 0, -1 // bytes written, and where "::" was
	if bytes.HasPrefix(b, []byte("::")) {
		gap, b = 0, b[2:]
	}
	for len(b) > 0 {
		end := bytes.IndexByte(b, ':')
		if end < 0 {
			end = len(b)
		}
		if gap == n && b[0] == ':' { // ":::" before an IPv4 address is to be tolerated (RFC 5118 4.10)
			if v4, ok := parseIPv4(b[1:]); ok && n <= 12 {
				n += copy(a[n:], v4[:])
				break
			}
		}
		if v4, ok := parseIPv4(b); ok && n <= 12 {
			n += copy(a[n:], v4[:])
			break
		}
		v, ok := parseHex16(b[:end])
		if !ok || n == 16 {
			return netip.Addr{}, false
		}
		a[n], a[n+1] = byte(v>>8), byte(v)
		n += 2
		if b = b[end:]; len(b) == 0 {
			break
		}
		if b = b[1:]; len(b) == 0 {
			return netip.Addr{}, false
		}
		if b[0] == ':' {
			if gap >= 0 {
				return netip.Addr{}, false
			}
			gap, b = n, b[1:]
		}
	}
	if (gap < 0) != (n == 16) {
		return netip.Addr{}, false
	}
	if gap >= 0 {
		copy(a[16-(n-gap):], a[gap:n])
		clear(a[gap : 16-(n-gap)])
	}
	return netip.AddrFrom16(a), true
}

func parseHex16(b []byte) (v uint16, ok bool) {
	if len(b) < 1 || len(b) > 4 {
		return 0, false
	}
	for _, c := range b {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		v = v<<4 | uint16(d)
	}
	return v, true
}

func hexDigit(c byte) (v byte, ok bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case lower(c) >= 'a' && lower(c) <= 'f':
		return lower(c) - 'a' + 10, true
	}
	return 0, false
}
