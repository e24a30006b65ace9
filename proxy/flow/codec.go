package flow

import (
	"encoding/binary"
	"net/netip"
)

// A flow starts with one byte: the kind of address in bits 0 and 1, whether an
// owner and a connection follow in bits 2 and 3, the transport in bits 4 to 7.
//
// The owner of UDP is not encoded here: whoever has to tell it does so beside the flow,
// where versions that know of none pass over it. In its place stands the listener, if it
// is not the first one, with a life of 0. So a version that knows of one listener reads a flow that it can
// send to, and writes what is read here as the first. Local has an owner and no life.
const (
	addrNone = 0
	addrV4   = 1
	addrV6   = 2
	addrMask = 3

	hasOwner = 1 << 2
	hasConn  = 1 << 3

	transportShift = 4
)

// MinLen and MaxLen are the lengths of the shortest and the longest encoding, in
// bytes.
const (
	MinLen = 1
	MaxLen = 1 + binary.MaxVarintLen32 + 4 + binary.MaxVarintLen64 + 16 + 2
)

// Append appends the encoding of a flow of a known transport: all of it but
// Socket and what Equal leaves out.
func Append(dst []byte, f Flow) []byte {
	addr := f.Remote.Addr().Unmap()
	head := byte(f.Transport) << transportShift
	switch {
	case addr.Is4():
		head |= addrV4
	case addr.Is6():
		head |= addrV6
	}
	owner, life := f.OwnerOrListener()
	if owner != 0 {
		head |= hasOwner
	}
	if f.Conn != 0 {
		head |= hasConn
	}
	dst = append(dst, head)
	if owner != 0 {
		dst = binary.AppendUvarint(dst, uint64(owner))
		dst = binary.BigEndian.AppendUint32(dst, life)
	}
	if f.Conn != 0 {
		dst = binary.AppendUvarint(dst, f.Conn)
	}
	return appendAddress(dst, addr, f.Remote.Port())
}

func appendAddress(dst []byte, addr netip.Addr, port uint16) []byte {
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
	return binary.BigEndian.AppendUint16(dst, port)
}

// Cut reads the flow that b begins with into f, and returns what follows it. It
// returns false, and leaves f zero, for what Append never writes.
func Cut(b []byte, f *Flow) (rest []byte, ok bool) {
	*f = Flow{}
	if len(b) == 0 {
		return nil, false
	}
	head, b := b[0], b[1:]
	f.Transport = Transport(head >> transportShift)
	if ok = f.Transport.Known(); ok && head&(hasOwner|hasConn) != 0 {
		b, ok = cutConnection(b, head, f)
	}
	if ok {
		b, ok = cutAddress(b, head&addrMask, f)
	}
	if !ok {
		*f = Flow{}
		return nil, false
	}
	return b, true
}

func cutConnection(b []byte, head byte, f *Flow) (rest []byte, ok bool) {
	if head&hasOwner != 0 {
		var owner uint64
		if owner, b, ok = cutUvarint(b, 1<<32-1); !ok || len(b) < 4 {
			return nil, false
		}
		if !f.SetOwnerOrListener(uint32(owner), binary.BigEndian.Uint32(b)) {
			return nil, false
		}
		b = b[4:]
	}
	if head&hasConn == 0 {
		return b, true
	}
	f.Conn, b, ok = cutUvarint(b, 1<<64-1)
	return b, ok
}

// OwnerOrListener is what an encoding has in the one place for both: the owner and
// its life of a connection, the owner of Local, the listener of UDP.
func (f Flow) OwnerOrListener() (number, life uint32) {
	switch {
	case f.Transport == UDP:
		return uint32(f.Listener), 0
	case f.Transport == Local:
		return f.Owner, 0
	case f.Owner == 0:
		return 0, 0
	}
	return f.Owner, f.Life
}

// SetOwnerOrListener takes what OwnerOrListener returns into a flow of a known
// transport. It returns false for what that never returns.
func (f *Flow) SetOwnerOrListener(number, life uint32) bool {
	switch {
	case f.Transport == Local:
		f.Owner = number
		return life == 0
	case f.Transport.Reliable():
		f.Owner, f.Life = number, life
		return number != 0 || life == 0
	}
	if number > 1<<16-1 || life != 0 {
		return false
	}
	f.Listener = uint16(number)
	return true
}

// cutUvarint reads a number that is there because it is not 0, in as few bytes as
// it takes.
func cutUvarint(b []byte, most uint64) (v uint64, rest []byte, ok bool) {
	v, n := binary.Uvarint(b)
	if n <= 0 || v == 0 || v > most || b[n-1] == 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}

func cutAddress(b []byte, kind byte, f *Flow) (rest []byte, ok bool) {
	switch {
	case kind == addrNone:
		return b, true
	case kind == addrV4 && len(b) >= 4+2:
		f.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), binary.BigEndian.Uint16(b[4:]))
		return b[4+2:], true
	case kind == addrV6 && len(b) >= 16+2:
		addr := netip.AddrFrom16([16]byte(b))
		f.Remote = netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[16:]))
		return b[16+2:], !addr.Is4In6()
	}
	return nil, false
}
