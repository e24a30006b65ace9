package location

import "iter"

// Sizes of records.
const (
	// MaxRecordSize is the most bytes an update lets a record grow to by what is bound.
	MaxRecordSize = 32 << 10
	// maxParsed is the most bytes ParseRecord accepts: a merge after a partition may exceed MaxRecordSize.
	maxParsed = 256 << 10
	// maxBinding is the most bytes of one binding.
	maxBinding = 8 << 10
	// MaxAOR is the most bytes of an address-of-record.
	MaxAOR = 2 << 10
)

// Record is the bindings of one AOR, in bytes that are read in place. The zero Record has no AOR and no bindings.
// A Record that a Store returned is a view: it is valid until the store next changes.
type Record struct{ b []byte }

func appendAOR(dst, aor []byte) []byte {
	return append(le.AppendUint16(dst, uint16(len(aor))), aor...)
}

// appendHead appends what is before the bindings of a record: the AOR, and what was proved to it if anything was.
func appendHead(dst, aor []byte, s *proofs) []byte {
	at, size := len(dst), s.size()
	dst = appendAOR(dst, aor)
	if size == 0 {
		return dst
	}
	le.PutUint16(dst[at:], uint16(len(aor))|proofsFlag)
	dst = append(dst, make([]byte, size)...)
	s.put(dst[len(dst)-size:])
	return dst
}

// IsZero reports whether r is the zero Record.
func (r Record) IsZero() bool { return len(r.b) == 0 }

// AOR returns the address-of-record. The bytes belong to the record.
func (r Record) AOR() []byte {
	if r.IsZero() {
		return nil
	}
	return r.b[2 : 2+r.aorLen()]
}

func (r Record) aorLen() int { return int(le.Uint16(r.b) &^ proofsFlag) }

// Size returns the bytes the record takes.
func (r Record) Size() int { return len(r.b) }

// boundSize is Size without what was proved.
func (r Record) boundSize() int { return len(r.b) - len(r.proofBytes()) }

// first returns the offset of the first binding.
func (r Record) first() int { return 2 + r.aorLen() + len(r.proofBytes()) }

// All yields every binding of the record by rising key, tombstones and expired ones too.
func (r Record) All() iter.Seq[Binding] {
	return func(yield func(Binding) bool) {
		for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
			if !yield(e.view()) {
				return
			}
		}
	}
}

// Live yields the bindings that may be used at now.
func (r Record) Live(now int64) iter.Seq[Binding] {
	return func(yield func(Binding) bool) {
		for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
			if e.live(now) && !yield(e.view()) {
				return
			}
		}
	}
}

// LiveCount returns the number of bindings that may be used at now.
func (r Record) LiveCount(now int64) int {
	n := 0
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if e.live(now) {
			n++
		}
	}
	return n
}

// MaxCounter returns the highest Version.Counter in the record.
func (r Record) MaxCounter() uint64 {
	var highest uint64
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		highest = max(highest, e.version().Counter)
	}
	return highest
}

// CopyTo returns a copy of r made in the memory of buf, grown where it is too small: what a caller keeps who must not
// allocate for each record.
func (r Record) CopyTo(buf []byte) (Record, []byte) {
	buf = append(buf[:0], r.b...)
	return Record{buf}, buf
}

// entries returns the first binding, nil if there is none, and the bytes after it.
func (r Record) entries() (e entry, rest []byte) {
	if r.IsZero() {
		return nil, nil
	}
	return nextEntry(r.b[r.first():])
}

// bindings counts the bindings that are no tombstones, expired or not.
func (r Record) bindings() int {
	n := 0
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if !e.deleted() {
			n++
		}
	}
	return n
}
