package wire

import (
	"bytes"
	"net/netip"
)

// splitHostPort reads host [":" port]. A name has no empty labels, but may end with a dot. An IPv6 reference keeps its
// brackets (RFC 3261 25.1). If sentBy, it is that of a Via: white space around the colon is accepted, and an IPv6 address
// without brackets, as phones write it whose answer goes to where it came from anyway.
func splitHostPort(b []byte, sentBy bool) (host []byte, port uint16, hasPort, ok bool) {
	host, rest := cutHost(b)
	if sentBy {
		if bytes.IndexByte(b, '[') < 0 && bytes.Count(b, []byte{':'}) > 1 {
			host, rest = cutBareIPv6(b)
		}
		rest = trimLWS(rest)
	}
	if host == nil {
		return nil, 0, false, false
	}
	if len(rest) == 0 {
		return host, 0, false, true
	}
	if rest[0] != ':' {
		return nil, 0, false, false
	}
	rest = rest[1:]
	if sentBy {
		rest = trimLWS(rest)
	}
	n, ok := parseUint(rest, 65535)
	if !ok || n == 0 || n > 65535 {
		return nil, 0, false, false
	}
	return host, uint16(n), true, true
}

// cutHost splits off a name, an IPv4 address or an IPv6 reference; host is nil if there is none.
func cutHost(b []byte) (host, rest []byte) {
	end := 0
	if len(b) > 0 && b[0] == '[' {
		end = bytes.IndexByte(b, ']') + 1
		if _, ok := HostAddr(b[:end]); !ok {
			return nil, nil
		}
		return b[:end], b[end:]
	}
	for end < len(b) && is(b[end], classHost) && (b[end] != '.' || end > 0 && b[end-1] != '.') {
		end++
	}
	if end == 0 {
		return nil, nil
	}
	return b[:end], b[end:]
}

// cutBareIPv6 splits off an IPv6 address without brackets. Where a port could be the address's last part it is that.
func cutBareIPv6(b []byte) (host, rest []byte) {
	if _, ok := HostAddr(b); ok {
		return b, nil
	}
	colon := bytes.LastIndexByte(b, ':')
	host = trimLWS(b[:colon])
	if _, ok := HostAddr(host); !ok {
		return nil, nil
	}
	return host, b[colon:]
}

// HostAddr reads a host that is an IP address: IPv4, or IPv6 with or without brackets (RFC 5118 4.5 has both in
// received). ok is false for names. An IPv4-mapped IPv6 address is the IPv4 address, as it leads nowhere else (RFC 4291
// 2.5.5.2). A zone is read over: it means something to the host alone that wrote it (RFC 4007 6), and so is a final dot.
func HostAddr(host []byte) (addr netip.Addr, ok bool) {
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		return parseZonedIPv6(host[1 : n-1])
	}
	if bytes.IndexByte(host, ':') >= 0 {
		return parseZonedIPv6(host)
	}
	a, ok := parseIPv4(withoutDot(host))
	if !ok {
		return netip.Addr{}, false
	}
	return netip.AddrFrom4(a), true
}

// CanonicalHost appends the one form of a host in which hosts are compared: a name in lower case without a final dot, an
// address as HostAddr reads it, IPv6 in brackets and in the form of RFC 5952.
func CanonicalHost(dst, host []byte) []byte {
	if addr, ok := HostAddr(host); ok {
		if addr.Is4() {
			return addr.AppendTo(dst)
		}
		return append(addr.AppendTo(append(dst, '[')), ']')
	}
	return appendLower(dst, withoutDot(host))
}

// withoutDot returns a name without the dot that says that it is whole.
func withoutDot(name []byte) []byte {
	if n := len(name); n > 1 && name[n-1] == '.' {
		return name[:n-1]
	}
	return name
}

func parseZonedIPv6(b []byte) (netip.Addr, bool) {
	if i := bytes.IndexByte(b, '%'); i >= 0 {
		if !validZone(b[i+1:]) {
			return netip.Addr{}, false
		}
		b = b[:i]
	}
	addr, ok := parseIPv6(b)
	return addr.Unmap(), ok
}

// validZone checks the ZoneID of RFC 6874 2, in which an escape may stand.
func validZone(b []byte) bool {
	for _, c := range b {
		if !is(c, classHost) && c != '~' && c != '%' {
			return false
		}
	}
	return len(b) > 0
}

func parseIPv4(b []byte) (a [4]byte, ok bool) {
	part, digits, v := 0, 0, 0
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9' && digits < 3 && (digits != 1 || v != 0): // no zero leads
			v, digits = v*10+int(c-'0'), digits+1
		case c == '.' && digits > 0 && v <= 255 && part < 3:
			a[part] = byte(v)
			part, digits, v = part+1, 0, 0
		default:
			return a, false
		}
	}
	a[part] = byte(v)
	return a, part == 3 && digits > 0 && v <= 255
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
	case Lower(c) >= 'a' && Lower(c) <= 'f':
		return Lower(c) - 'a' + 10, true
	}
	return 0, false
}
