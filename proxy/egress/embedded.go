package egress

import (
	"encoding/binary"
	"net/netip"
)

// maxEmbedded is how many IPv4 addresses an IPv6 address may stand for.
const maxEmbedded = 3

// embedded writes to out the IPv4 addresses that an IPv6 address may stand for on
// its way, and returns how many.
func embedded(a netip.Addr, out *[maxEmbedded]netip.Addr) (n int) {
	b := a.As16()
	add := func(w, x, y, z byte) {
		out[n] = netip.AddrFrom4([4]byte{w, x, y, z})
		n++
	}
	last := func() { add(b[12], b[13], b[14], b[15]) }
	high, low := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	switch {
	case high == 0 && low == 1: // loopback
		return 0
	case high == 0 && (low>>32 == 0 || low>>32 == 0xffff || low>>32 == 0xffff0000):
		// ::/96 and ::ffff:0:0/96 (RFC 4291 2.5.5), ::ffff:0:0:0/96 (RFC 2765 2.1)
		last()
	case high>>48 == 0x2002: // 6to4 (RFC 3056)
		add(b[2], b[3], b[4], b[5])
	case high>>32 == 0x20010000: // Teredo: the server, and the client's outer address (RFC 4380 4)
		add(b[4], b[5], b[6], b[7])
		add(^b[12], ^b[13], ^b[14], ^b[15])
	case high == 0x0064ff9b00000000 && low>>32 == 0, high>>16 == 0x0064ff9b0001: // NAT64 (RFC 6052 2.1, RFC 8215)
		last()
	}
	if low>>32&^0x02000000 == 0x5efe { // ISATAP (RFC 5214 6.1)
		last()
	}
	return n
}
