package location

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
)

// The layout of a record, little endian: length of the AOR (2), AOR, proofs if proofsFlag is in that length, bindings by
// rising key. A binding is a head of
// fixed size and its byte strings.
const (
	atSize      = 0  // 2, the whole binding
	atFlags     = 2  // 1
	atTransport = 3  // 1
	atCSeq      = 4  // 4
	atExpires   = 8  // 8
	atLinger    = 16 // 4
	atNode      = 20 // 4
	atCounter   = 24 // 8
	atConn      = 32 // 8; of a tombstone CSeq (4) and fingerprint (4) of Removed
	atOwner     = 40 // 4; of UDP the listener (2) and the owner (2)
	atRegID     = 44 // 4
	atQ         = 48 // 2
	atPort      = 50 // 2
	atAddr      = 52 // 16
	atPrint     = 68 // 4
	atWindow    = 72 // 2 of 2
	atLead      = 76 // 4
	atLife      = 80 // 4
	atSource    = 84 // 8
	atLens      = 92 // 5 of 2: Contact, Params, Instance, CallID, Path
	headSize    = 102

	flagDeleted = 1
	flagV4      = 2
	flagV6      = 4
	flagsKnown  = flagDeleted | flagV4 | flagV6
)

var le = binary.LittleEndian

// entry is one binding in the bytes of a record.
type entry []byte

// The byte strings of an entry, in order.
const (
	fieldContact = iota
	fieldParams
	fieldInstance
	fieldCallID
	fieldPath
	fields
)

// nextEntry splits the first entry off b. It returns nil at the end.
func nextEntry(b []byte) (e entry, rest []byte) {
	if len(b) == 0 {
		return nil, nil
	}
	n := le.Uint16(b)
	return b[:n:n], b[n:]
}

func (e entry) deleted() bool       { return e[atFlags]&flagDeleted != 0 }
func (e entry) expires() int64      { return int64(le.Uint64(e[atExpires:])) }
func (e entry) setExpires(at int64) { le.PutUint64(e[atExpires:], uint64(at)) }
func (e entry) linger() uint32      { return le.Uint32(e[atLinger:]) }
func (e entry) endsAt() int64       { return e.expires() + int64(e.linger()) }
func (e entry) live(now int64) bool { return !e.deleted() && e.expires() > now }
func (e entry) regID() uint32       { return le.Uint32(e[atRegID:]) }
func (e entry) cseq() uint32        { return le.Uint32(e[atCSeq:]) }
func (e entry) source() uint64      { return le.Uint64(e[atSource:]) }
func (e entry) fieldLen(i int) int  { return int(le.Uint16(e[atLens+2*i:])) }
func (e entry) outbound() bool      { return e.regID() != 0 && e.fieldLen(fieldInstance) > 0 }
func (e entry) version() Version {
	return Version{Counter: le.Uint64(e[atCounter:]), Node: le.Uint32(e[atNode:])}
}

// field returns one of the byte strings.
func (e entry) field(i int) []byte {
	off := headSize
	for j := range i {
		off += e.fieldLen(j)
	}
	n := e.fieldLen(i)
	return e[off : off+n : off+n]
}

// compareKeys orders entries by key as compareKey does bindings.
func compareKeys(a, b entry) int {
	switch ao, bo := a.outbound(), b.outbound(); {
	case ao != bo && ao:
		return 1
	case ao != bo:
		return -1
	case ao:
		return cmp.Or(bytes.Compare(a.field(fieldInstance), b.field(fieldInstance)), cmp.Compare(a.regID(), b.regID()))
	}
	return bytes.Compare(a.field(fieldContact), b.field(fieldContact))
}

// compareAge orders states of one binding: the greater is the one a merge keeps.
func compareAge(a, b entry) int {
	return cmp.Or(
		a.version().Compare(b.version()),
		bytes.Compare(a[:atExpires], b[:atExpires]),
		bytes.Compare(a[atNode:], b[atNode:]),
		cmp.Compare(a.expires(), b.expires()),
		cmp.Compare(a.linger(), b.linger()),
	)
}

// view reads the entry.
func (e entry) view() Binding {
	b := Binding{
		CSeq:      e.cseq(),
		RegID:     e.regID(),
		Q:         le.Uint16(e[atQ:]),
		Flow:      e.flow(),
		Source:    e.source(),
		ExpiresAt: e.expires(),
		Linger:    e.linger(),
		Version:   e.version(),
		Deleted:   e.deleted(),

		Fingerprint: le.Uint32(e[atPrint:]),
		Window:      Window{le.Uint16(e[atWindow:]), le.Uint16(e[atWindow+2:])},
		Lead:        le.Uint32(e[atLead:]),
	}
	if b.Deleted {
		b.Removed = Request{CSeq: le.Uint32(e[atConn:]), Fingerprint: le.Uint32(e[atConn+4:])}
	}
	off := headSize
	for i, s := range [fields]*[]byte{&b.Contact, &b.Params, &b.Instance, &b.CallID, &b.Path} {
		n := e.fieldLen(i)
		*s = e[off : off+n : off+n]
		off += n
	}
	return b
}

// flow reads the flow. A tombstone has no connection.
func (e entry) flow() flow.Flow {
	f := flow.Flow{
		Remote:    e.remote(),
		Transport: flow.Transport(e[atTransport]),
	}
	owner, life := le.Uint32(e[atOwner:]), le.Uint32(e[atLife:])
	if f.Transport == flow.UDP && life != 0 {
		f.Owner, f.Life, owner, life = owner>>16, life, owner&maxNumber, 0
	}
	f.SetOwnerOrListener(owner, life)
	if !e.deleted() {
		f.Conn = le.Uint64(e[atConn:])
	}
	return f
}

// maxNumber is the greatest ID of a member that may own a UDP flow: its place is that of
// two numbers. A version that knows of no such owner takes the flow for one of the first
// listener by which any member sends, because of the life.
const maxNumber = 1<<16 - 1

// MayOwn reports whether a binding can say that a member owns its UDP flow.
func MayOwn(member, life uint32) bool { return member != 0 && member <= maxNumber && life != 0 }

// ownerOf is the owner and its life as they stand in an entry.
func ownerOf(f flow.Flow) (owner, life uint32) {
	owner, life = f.OwnerOrListener()
	if f.IsOwnedUDP() && MayOwn(f.Owner, f.Life) {
		return f.Owner<<16 | owner, f.Life
	}
	return owner, life
}

func (e entry) remote() netip.AddrPort {
	switch port := le.Uint16(e[atPort:]); e[atFlags] & (flagV4 | flagV6) {
	case flagV4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(e[atAddr:])), port)
	case flagV6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(e[atAddr:])), port)
	}
	return netip.AddrPort{}
}

// appendBinding appends b as entry.view reads it.
func appendBinding(dst []byte, b *Binding) []byte {
	at := len(dst)
	var head [headSize]byte
	dst = append(dst, head[:]...)
	for i, s := range [...][]byte{b.Contact, b.Params, b.Instance, b.CallID, b.Path} {
		le.PutUint16(dst[at+atLens+2*i:], uint16(len(s)))
		dst = append(dst, s...)
	}
	e := dst[at:]
	le.PutUint16(e, uint16(len(e)))
	le.PutUint32(e[atRegID:], b.RegID)
	putHead(e, b)
	return dst
}

// putHead overwrites what a refresh changes.
func putHead(e []byte, b *Binding) {
	flags := uint8(0)
	if b.Deleted {
		flags = flagDeleted
	}
	addr, port := b.Flow.Remote.Addr().Unmap(), b.Flow.Remote.Port()
	clear(e[atAddr : atAddr+16])
	switch {
	case addr.Is4():
		flags |= flagV4
		v4 := addr.As4()
		copy(e[atAddr:], v4[:])
	case addr.Is6():
		flags |= flagV6
		v6 := addr.As16()
		copy(e[atAddr:], v6[:])
	default:
		port = 0
	}
	e[atFlags], e[atTransport] = flags, byte(b.Flow.Transport)
	le.PutUint16(e[atQ:], b.Q)
	le.PutUint16(e[atPort:], port)
	le.PutUint32(e[atCSeq:], b.CSeq)
	le.PutUint32(e[atNode:], b.Version.Node)
	le.PutUint32(e[atLinger:], b.Linger)
	owner, life := ownerOf(b.Flow)
	le.PutUint32(e[atOwner:], owner)
	le.PutUint32(e[atLife:], life)
	le.PutUint64(e[atExpires:], uint64(b.ExpiresAt))
	le.PutUint64(e[atCounter:], b.Version.Counter)
	le.PutUint32(e[atPrint:], b.Fingerprint)
	le.PutUint16(e[atWindow:], b.Window.Before)
	le.PutUint16(e[atWindow+2:], b.Window.Since)
	le.PutUint32(e[atLead:], b.Lead)
	le.PutUint64(e[atSource:], b.Source)
	if b.Deleted {
		le.PutUint32(e[atConn:], b.Removed.CSeq)
		le.PutUint32(e[atConn+4:], b.Removed.Fingerprint)
	} else {
		le.PutUint64(e[atConn:], b.Flow.Conn)
	}
}

// size returns the bytes b takes in a record.
func (b *Binding) size() int {
	return headSize + len(b.Contact) + len(b.Params) + len(b.Instance) + len(b.CallID) + len(b.Path)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// digest mixes the key and the version of an entry. It is the same on every member.
func (e entry) digest(aor uint64) uint64 {
	key := crc32.Checksum(e.field(fieldContact), castagnoli)
	if e.outbound() {
		key = crc32.Update(e.regID(), castagnoli, e.field(fieldInstance))
	}
	x := (aor<<32 | uint64(key)) + 0x9e3779b97f4a7c15*e.version().Counter + 0xd1342543de82ef95*uint64(e.version().Node)
	return mix(x)
}

func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
