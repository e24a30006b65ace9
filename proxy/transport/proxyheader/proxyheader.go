// Package proxyheader reads the PROXY header, versions 1 and 2, by which a load
// balancer says whose connection it hands on (haproxy.org, proxy-protocol.txt).
//
// It is pure: bytes in, an address out. No header of more than MaxLen bytes is read.
package proxyheader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
)

// MaxLen is the longest header that is read, in bytes: one of version 2 with 2 KiB of
// addresses and what is said beside them, which is skipped. One of version 1 has at
// most 107.
const (
	MaxLen = fixed2 + 2<<10

	maxLen1 = 107
	fixed2  = 16
)

const (
	signature1 = "PROXY "
	signature2 = "\r\n\r\n\x00\r\nQUIT\n"
)

// ErrMalformed says that bytes begin no header that can be read.
var ErrMalformed = errors.New("no PROXY header that can be read")

// SignatureLen is how many bytes are enough for Is.
const SignatureLen = len(signature2)

// Is reports whether b begins with a header's signature.
func Is(b []byte) bool {
	return bytes.HasPrefix(b, []byte(signature1)) || bytes.HasPrefix(b, []byte(signature2))
}

// Parse reads the header that b begins with: who opened the connection, and the length.
// The address is the zero value where the header says that it is the load balancer's
// own connection, or not one of IP. The length is 0, and there is no error, if more bytes
// are needed to tell.
func Parse(b []byte) (source netip.AddrPort, n int, err error) {
	switch {
	case begins(b, signature2):
		return parse2(b)
	case begins(b, signature1):
		return parse1(b)
	}
	return netip.AddrPort{}, 0, ErrMalformed
}

// begins reports whether b begins with s, as far as it goes.
func begins(b []byte, s string) bool {
	return string(b[:min(len(b), len(s))]) == s[:min(len(b), len(s))]
}

// parse1 reads "PROXY TCP4 source destination port port" and the like.
func parse1(b []byte) (source netip.AddrPort, n int, err error) {
	line, _, whole := bytes.Cut(b[:min(len(b), maxLen1)], []byte("\r\n"))
	switch {
	case !whole && len(b) < maxLen1:
		return source, 0, nil
	case !whole:
		return source, 0, ErrMalformed
	}
	n = len(line) + 2
	words := bytes.Split(line, []byte(" "))
	if string(words[1]) == "UNKNOWN" {
		return source, n, nil
	}
	if len(words) != 6 || string(words[1]) != "TCP4" && string(words[1]) != "TCP6" {
		return source, 0, ErrMalformed
	}
	four := string(words[1]) == "TCP4"
	from, ok1 := endpoint(words[2], words[4], four)
	_, ok2 := endpoint(words[3], words[5], four)
	if !ok1 || !ok2 {
		return source, 0, ErrMalformed
	}
	return from, n, nil
}

func endpoint(address, port []byte, four bool) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(string(address))
	if err != nil || a.Zone() != "" || a.Is4() != four {
		return netip.AddrPort{}, false
	}
	p, err := strconv.ParseUint(string(port), 10, 16)
	if err != nil || len(port) > 1 && port[0] == '0' || port[0] == '+' {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), true
}

// Bytes 12 and 13 of a header of version 2: version and command, family and protocol.
const (
	local = 0x20
	proxy = 0x21

	tcp4 = 0x11
	tcp6 = 0x21
)

// parse2 reads a header of version 2.
func parse2(b []byte) (source netip.AddrPort, n int, err error) {
	if len(b) < fixed2 {
		return source, 0, nil
	}
	n = fixed2 + int(binary.BigEndian.Uint16(b[14:]))
	if n > MaxLen || b[12] != local && b[12] != proxy {
		return source, 0, ErrMalformed
	}
	if len(b) < n {
		return source, 0, nil
	}
	addresses := b[fixed2:n]
	switch {
	case b[12] == local:
	case b[13] == tcp4 && len(addresses) >= 12:
		source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(addresses)), binary.BigEndian.Uint16(addresses[8:]))
	case b[13] == tcp6 && len(addresses) >= 36:
		source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(addresses)).Unmap(), binary.BigEndian.Uint16(addresses[32:]))
	case b[13] == tcp4 || b[13] == tcp6:
		return source, 0, ErrMalformed
	}
	return source, n, nil
}
