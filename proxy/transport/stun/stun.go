// Package stun answers STUN Binding requests, by which phones over UDP keep their flow
// alive and learn when their address changes (RFC 5626 3.5.2, RFC 8489).
//
// It is pure: a request and its source in, an answer out. An answer holds no more than
// RFC 8489 asks for, at most MaxLen bytes, to a request of at least 20.
package stun

import (
	"encoding/binary"
	"net/netip"
)

const (
	headerLen = 20
	cookie    = 0x2112A442 // RFC 8489 5

	bindingRequest = 0x0001
	bindingSuccess = 0x0101
	bindingError   = 0x0111

	attrErrorCode  = 0x0009
	attrUnknown    = 0x000A
	attrXORAddress = 0x0020
	optional       = 0x8000 // attributes from here on may be passed over (RFC 8489 14)

	// mayIgnore are those below that change nothing where no credentials are asked for
	// (RFC 8489 9.1.3): USERNAME, MESSAGE-INTEGRITY, REALM, NONCE, MESSAGE-INTEGRITY-SHA256.
	attrUsername, attrIntegrity, attrRealm, attrNonce, attrIntegrity256 = 0x0006, 0x0008, 0x0014, 0x0015, 0x001C

	familyIPv4, familyIPv6 = 1, 2
)

// MinLen is the length of the shortest request, in bytes.
const MinLen = headerLen

// MaxLen is the length of the longest answer, in bytes.
const MaxLen = headerLen + 4 + 4 + 16

// maxUnknown is how many attributes that are not known are named in an answer.
const maxUnknown = 4

// AppendAnswer appends the answer to a Binding request that came from source, or nothing if
// b is none: it is malformed, or something else (RFC 8489 6.3).
func AppendAnswer(dst, b []byte, source netip.AddrPort) []byte {
	if len(b) < headerLen || binary.BigEndian.Uint16(b) != bindingRequest || binary.BigEndian.Uint32(b[4:]) != cookie {
		return dst
	}
	attributes := b[headerLen:]
	if int(binary.BigEndian.Uint16(b[2:])) != len(attributes) || len(attributes)%4 != 0 {
		return dst
	}
	var unknown [maxUnknown]uint16
	n, ok := required(attributes, &unknown)
	switch {
	case !ok:
		return dst
	case n > 0:
		return appendUnknown(dst, b, unknown[:n])
	}
	return appendAddress(dst, b, source)
}

// required finds the attributes that have to be understood, and are not.
func required(attributes []byte, unknown *[maxUnknown]uint16) (n int, ok bool) {
	for len(attributes) > 0 {
		if len(attributes) < 4 {
			return 0, false
		}
		kind, length := binary.BigEndian.Uint16(attributes), int(binary.BigEndian.Uint16(attributes[2:]))
		size := 4 + (length+3)&^3
		if size > len(attributes) {
			return 0, false
		}
		attributes = attributes[size:]
		switch kind {
		case attrUsername, attrIntegrity, attrRealm, attrNonce, attrIntegrity256:
			continue
		}
		if kind < optional && n < maxUnknown {
			unknown[n] = kind
			n++
		}
	}
	return n, true
}

// appendHeader appends that of an answer with attributes of so many bytes.
func appendHeader(dst, request []byte, kind uint16, length int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, kind)
	dst = binary.BigEndian.AppendUint16(dst, uint16(length))
	return append(dst, request[4:headerLen]...)
}

// appendAddress tells the source's address, hidden from those on the way that rewrite
// addresses (RFC 8489 14.2).
func appendAddress(dst, request []byte, source netip.AddrPort) []byte {
	addr := source.Addr().Unmap()
	family, length := byte(familyIPv6), 16
	if addr.Is4() {
		family, length = familyIPv4, 4
	}
	dst = appendHeader(dst, request, bindingSuccess, 4+4+length)
	dst = binary.BigEndian.AppendUint16(dst, attrXORAddress)
	dst = binary.BigEndian.AppendUint16(dst, uint16(4+length))
	dst = append(dst, 0, family)
	dst = binary.BigEndian.AppendUint16(dst, source.Port()^cookie>>16)
	bytes := addr.As16()
	for i, c := range bytes[16-length:] {
		dst = append(dst, c^request[4+i])
	}
	return dst
}

// appendUnknown refuses with 420 (RFC 8489 6.3.1), and no words.
func appendUnknown(dst, request []byte, unknown []uint16) []byte {
	padding := len(unknown) % 2 * 2
	dst = appendHeader(dst, request, bindingError, 8+4+2*len(unknown)+padding)
	dst = binary.BigEndian.AppendUint16(dst, attrErrorCode)
	dst = append(dst, 0, 4, 0, 0, 4, 20)
	dst = binary.BigEndian.AppendUint16(dst, attrUnknown)
	dst = binary.BigEndian.AppendUint16(dst, uint16(2*len(unknown)))
	for _, kind := range unknown {
		dst = binary.BigEndian.AppendUint16(dst, kind)
	}
	return append(dst, make([]byte, padding)...)
}
