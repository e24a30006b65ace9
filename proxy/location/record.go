package location

import (
	"encoding/binary"
	"iter"
	"net/netip"
)

// Sizes of records.
const (
	// MaxRecordSize is the most bytes Apply lets a record grow to.
	MaxRecordSize = 32 << 10
	// maxParsed is the most bytes ParseRecord accepts: a merge after a partition may exceed MaxRecordSize.
	maxParsed = 256 << 10
	// maxBinding is the most bytes of one binding.
	maxBinding = 8 << 10
	maxAOR     = 2 << 10
)

// Record is the bindings of one AOR, in bytes that are read in place. The zero Record has no AOR and no bindings.
// A Record that a Store returned is a view: it is valid until the store next changes.
type Record struct{ b []byte }

// The layout of a record, little endian: length of the AOR (2), AOR, bindings by rising key. A binding is a head of
// fixed size and its byte strings.
const (
	atSize      = 0  // 2, the whole binding
	atFlags     = 2  // 1
	atTransport = 3  // 1
	atCSeq      = 4  // 4
	atExpires   = 8  // 8
	atCounter   = 16 // 8
	atNode      = 24 // 4
	atOwner     = 28 // 4
	atConn      = 32 // 8
	atRegID     = 40 // 4
	atQ         = 44 // 2
	atPort      = 46 // 2
	atAddr      = 48 // 16
	atLens      = 64 // 5 of 2: Contact, Params, Instance, CallID, Path
	headSize    = 74

	flagDeleted = 1
	flagV4      = 2
	flagV6      = 4
	flagsKnown  = flagDeleted | flagV4 | flagV6
)

var le = binary.LittleEndian

// NewRecord returns a record of the AOR without bindings.
func NewRecord(aor []byte) Record {
	return Record{appendAOR(make([]byte, 0, 2+len(aor)), aor)}
}

func appendAOR(dst, aor []byte) []byte {
	return append(le.AppendUint16(dst, uint16(len(aor))), aor...)
}

// IsZero reports whether r is the zero Record.
func (r Record) IsZero() bool { return len(r.b) == 0 }

// AOR returns the address-of-record. The bytes belong to the record.
func (r Record) AOR() []byte {
	if r.IsZero() {
		return nil
	}
	return r.b[2:r.first()]
}

// Size returns the bytes the record takes.
func (r Record) Size() int { return len(r.b) }

// first returns the offset of the first binding.
func (r Record) first() int { return 2 + int(le.Uint16(r.b)) }

// All yields every binding of the record by rising key, tombstones and expired ones too.
func (r Record) All() iter.Seq[Binding] {
	return func(yield func(Binding) bool) {
		if r.IsZero() {
			return
		}
		for off := r.first(); off < len(r.b); {
			b := viewAt(r.b[off:])
			off += int(le.Uint16(r.b[off:]))
			if !yield(b) {
				return
			}
		}
	}
}

// Live yields the bindings that may be used at now.
func (r Record) Live(now int64) iter.Seq[Binding] {
	return func(yield func(Binding) bool) {
		for b := range r.All() {
			if b.Live(now) && !yield(b) {
				return
			}
		}
	}
}

// LiveCount returns the number of bindings that may be used at now.
func (r Record) LiveCount(now int64) int {
	n := 0
	if r.IsZero() {
		return 0
	}
	for off := r.first(); off < len(r.b); {
		e := r.b[off:]
		if e[atFlags]&flagDeleted == 0 && int64(le.Uint64(e[atExpires:])) > now {
			n++
		}
		off += int(le.Uint16(e))
	}
	return n
}

// MaxCounter returns the highest Version.Counter in the record.
func (r Record) MaxCounter() uint64 {
	var highest uint64
	if r.IsZero() {
		return 0
	}
	for off := r.first(); off < len(r.b); off += int(le.Uint16(r.b[off:])) {
		highest = max(highest, le.Uint64(r.b[off+atCounter:]))
	}
	return highest
}

// CopyTo returns a copy of r made in the memory of buf, grown where it is too small: what a caller keeps who must not
// allocate for each record.
func (r Record) CopyTo(buf []byte) (Record, []byte) {
	buf = append(buf[:0], r.b...)
	return Record{buf}, buf
}

// viewAt reads the binding at the start of e.
func viewAt(e []byte) Binding {
	b := Binding{
		CSeq:      le.Uint32(e[atCSeq:]),
		RegID:     le.Uint32(e[atRegID:]),
		Q:         le.Uint16(e[atQ:]),
		Flow:      Flow{Owner: le.Uint32(e[atOwner:]), Conn: le.Uint64(e[atConn:]), Transport: e[atTransport]},
		ExpiresAt: int64(le.Uint64(e[atExpires:])),
		Version:   Version{Counter: le.Uint64(e[atCounter:]), Node: le.Uint32(e[atNode:])},
		Deleted:   e[atFlags]&flagDeleted != 0,
		Received:  receivedAt(e),
	}
	off := headSize
	next := func(i int) []byte {
		n := int(le.Uint16(e[atLens+2*i:]))
		off += n
		return e[off-n : off : off]
	}
	b.Contact, b.Params, b.Instance, b.CallID, b.Path = next(0), next(1), next(2), next(3), next(4)
	return b
}

func receivedAt(e []byte) netip.AddrPort {
	switch port := le.Uint16(e[atPort:]); e[atFlags] & (flagV4 | flagV6) {
	case flagV4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(e[atAddr:])), port)
	case flagV6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(e[atAddr:])), port)
	}
	return netip.AddrPort{}
}

// appendBinding appends b as viewAt reads it.
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
	addr, port := b.Received.Addr().Unmap(), b.Received.Port()
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
	e[atFlags], e[atTransport] = flags, b.Flow.Transport
	le.PutUint16(e[atQ:], b.Q)
	le.PutUint16(e[atPort:], port)
	le.PutUint32(e[atCSeq:], b.CSeq)
	le.PutUint32(e[atNode:], b.Version.Node)
	le.PutUint32(e[atOwner:], b.Flow.Owner)
	le.PutUint64(e[atExpires:], uint64(b.ExpiresAt))
	le.PutUint64(e[atCounter:], b.Version.Counter)
	le.PutUint64(e[atConn:], b.Flow.Conn)
}

// size returns the bytes b takes in a record.
func (b *Binding) size() int {
	return headSize + len(b.Contact) + len(b.Params) + len(b.Instance) + len(b.CallID) + len(b.Path)
}
