package limit

import (
	"encoding/binary"
	"net/netip"
)

// Source tells sources apart: it is equal for two addresses if and only if they
// are one IPv4 address, also in IPv6's form, or in one IPv6 /64. It is never 0.
func Source(a netip.Addr) uint64 {
	a = a.Unmap()
	if a.Is4() {
		b := a.As4()
		return v4 | uint64(binary.BigEndian.Uint32(b[:]))
	}
	b := a.As16()
	return max(binary.BigEndian.Uint64(b[:]), unspecified)
}

// Where the /64s of no host are: 0::/8 is reserved (RFC 4291 2.4), but for ::/64
// with the loopback address, which is one of these.
const (
	unspecified = 1
	v4          = 1 << 32
)
