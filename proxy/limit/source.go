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

// IPv4Of is the IPv4 address that a Source stands for; not ok for a /64 of IPv6.
func IPv4Of(source uint64) (a netip.Addr, ok bool) {
	if source>>32 != v4>>32 {
		return a, false
	}
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(source)))), true
}

// Where the /64s of no host are: 0::/8 is reserved (RFC 4291 2.4), but for ::/64
// with the loopback address, which is one of these.
const (
	unspecified = 1
	v4          = 1 << 32
)
