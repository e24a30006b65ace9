package token

import (
	"encoding/binary"
	"net/netip"
)

// Flow is the way to one end of a dialog (RFC 5626).
type Flow struct {
	// Owner is the ID of the member that holds the flow, 0 if any pod may send.
	Owner uint32
	// Conn is the connection's number at the owner, 0 for UDP. A member must not
	// give a number twice, in this or an earlier incarnation.
	Conn uint64
	// Remote is the other end's address. An IPv4 address in IPv6 form is carried
	// as IPv4. A zone is not carried: it means something on one node only.
	Remote netip.AddrPort
	// Transport is the caller's own number for the transport.
	Transport uint8
}

// A flow starts with one byte: the kind of address in bits 0 and 1, whether an
// owner and a connection follow in bits 2 and 3, the transport in bits 4 to 7.
const (
	addrNone = 0
	addrV4   = 1
	addrV6   = 2
	addrMask = 3

	hasOwner = 1 << 2
	hasConn  = 1 << 3

	transportShift = 4
	transportNext  = 15 // the transport is in the next byte

	minFlow = 1
	maxFlow = 2 + binary.MaxVarintLen32 + binary.MaxVarintLen64 + 16 + 2
)

func appendFlow(dst []byte, f Flow) []byte {
	addr := f.Remote.Addr().Unmap()
	head := min(f.Transport, transportNext) << transportShift
	switch {
	case addr.Is4():
		head |= addrV4
	case addr.Is6():
		head |= addrV6
	}
	if f.Owner != 0 {
		head |= hasOwner
	}
	if f.Conn != 0 {
		head |= hasConn
	}
	dst = append(dst, head)
	if f.Transport >= transportNext {
		dst = append(dst, f.Transport)
	}
	if f.Owner != 0 {
		dst = binary.AppendUvarint(dst, uint64(f.Owner))
	}
	if f.Conn != 0 {
		dst = binary.AppendUvarint(dst, f.Conn)
	}
	switch {
	case addr.Is4():
		a := addr.As4()
		dst = append(dst, a[:]...)
	case addr.Is6():
		a := addr.As16()
		dst = append(dst, a[:]...)
	default:
		return dst
	}
	return binary.BigEndian.AppendUint16(dst, f.Remote.Port())
}

// reader takes a verified body apart. After the first thing that makes no
// sense it is bad and yields zeros.
type reader struct {
	rest []byte
	bad  bool
}

// take returns the next n bytes, or nil if there are not that many.
func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.rest) {
		r.bad = true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

// big returns an integer of n bytes, most significant first.
func (r *reader) big(n int) (v uint64) {
	for _, c := range r.take(n) {
		v = v<<8 | uint64(c)
	}
	return v
}

func (r *reader) uvarint(most uint64) uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 || v > most {
		r.bad = true
		return 0
	}
	r.take(n)
	return v
}

func (r *reader) flow() (f Flow) {
	head := r.byte()
	f.Transport = head >> transportShift
	if f.Transport == transportNext {
		f.Transport = r.byte()
	}
	if head&hasOwner != 0 {
		f.Owner = uint32(r.uvarint(1<<32 - 1))
	}
	if head&hasConn != 0 {
		f.Conn = r.uvarint(1<<64 - 1)
	}
	var addr netip.Addr
	switch head & addrMask {
	case addrNone:
		return f
	case addrV4:
		addr, _ = netip.AddrFromSlice(r.take(4))
	case addrV6:
		addr, _ = netip.AddrFromSlice(r.take(16))
	default:
		r.bad = true
	}
	f.Remote = netip.AddrPortFrom(addr, uint16(r.big(2)))
	return f
}
