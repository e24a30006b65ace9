package location

import (
	"errors"
	"fmt"

	"github.com/sipring/sipring/proxy/flow"
)

// Errors of ParseRecord, wrapped with where.
var (
	// ErrTruncated: the bytes end inside a record.
	ErrTruncated = errors.New("truncated record")
	// ErrMalformed: the bytes are no record.
	ErrMalformed = errors.New("malformed record")
)

// Bounds of what another member may say.
const (
	maxRemaining = MaxExpires*1000 + lateness // until a binding or what is remembered of it ends, ms
	maxCounter   = 1 << 62
)

// AppendRecord appends r as it is sent to another member: its size in 4 bytes, then the record with remaining lifetimes
// at now, below 0 for what is over, in place of points in time. What is to be forgotten is left out.
func AppendRecord(dst []byte, r Record, now int64) []byte {
	return appendEntries(dst, r, now, true, func(entry) bool { return true })
}

// AppendDelta appends, in the form of AppendRecord, the record with only the bindings of the version, and what was proved:
// what one Apply wrote.
func AppendDelta(dst []byte, r Record, now int64, v Version) []byte {
	return appendEntries(dst, r, now, true, func(e entry) bool { return e.version() == v })
}

func appendEntries(dst []byte, r Record, now int64, proved bool, want func(entry) bool) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	if !r.IsZero() {
		dst = r.appendHead(dst, now, proved)
	}
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if e.endsAt() > now && want(e) {
			dst = append(dst, e...)
			entry(dst[len(dst)-len(e):]).setExpires(e.expires() - now)
		}
	}
	le.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// appendHead appends what is before the bindings, and what was proved only if it is wanted and not over.
func (r Record) appendHead(dst []byte, now int64, proved bool) []byte {
	b := r.proofBytes()
	if b == nil || !proved || proofsEnd(b) <= now {
		return appendAOR(dst, r.AOR())
	}
	dst = append(dst, r.b[:r.first()]...)
	le.PutUint64(dst[len(dst)-len(b)+9:], uint64(proofsEnd(b)-now))
	return dst
}

// ParseRecord reads what AppendRecord wrote from the start of b into the memory of buf, grown where it is too small, and
// turns remaining lifetimes into points in time from now; longer ones than can be granted are taken as the longest. The
// record is valid until buf is used again. rest is what follows in b, also after a record that is refused; nil if b is too
// short to tell.
func ParseRecord(buf, b []byte, now int64) (r Record, grown, rest []byte, err error) {
	if len(b) < 4 {
		return Record{}, buf, nil, fmt.Errorf("parse record size: %w", ErrTruncated)
	}
	n := int(le.Uint32(b))
	if len(b)-4 < n {
		return Record{}, buf, nil, fmt.Errorf("parse record of %d bytes: %w", n, ErrTruncated)
	}
	b, rest = b[4:4+n], b[4+n:]
	if n > maxParsed {
		return Record{}, buf, rest, fmt.Errorf("parse record of %d bytes, at most %d: %w", n, maxParsed, ErrMalformed)
	}
	buf = append(buf[:0], b...)
	if err := adopt(buf, now); err != nil {
		return Record{}, buf, rest, err
	}
	return Record{buf}, buf, rest, nil
}

// adopt checks the bytes of a record with remaining lifetimes, and makes points in time of those.
func adopt(b []byte, now int64) error {
	if len(b) == 0 {
		return nil
	}
	rest, err := adoptHead(b, now)
	if err != nil {
		return err
	}
	var before entry
	for len(rest) > 0 {
		if len(rest) < headSize || int(le.Uint16(rest)) > len(rest) {
			return fmt.Errorf("parse binding: %w", ErrTruncated)
		}
		var e entry
		if e, rest = nextEntrySafe(rest); e == nil || !e.wellFormed() {
			return fmt.Errorf("parse binding: %w", ErrMalformed)
		}
		if before != nil && compareKeys(before, e) >= 0 {
			return fmt.Errorf("parse binding: not above the key before: %w", ErrMalformed)
		}
		e.clamp()
		e.setExpires(now + e.expires())
		before = e
	}
	return nil
}

// adoptHead is adopt for what is before the bindings.
func adoptHead(b []byte, now int64) (rest []byte, err error) {
	if len(b) < 2 {
		return nil, fmt.Errorf("parse record's AOR: %w", ErrMalformed)
	}
	n := int(le.Uint16(b) &^ proofsFlag)
	if n == 0 || n > MaxAOR || 2+n > len(b) {
		return nil, fmt.Errorf("parse record's AOR: %w", ErrMalformed)
	}
	rest = b[2+n:]
	if le.Uint16(b)&proofsFlag == 0 {
		return rest, nil
	}
	size := wellFormedProofs(rest)
	if size == 0 {
		return nil, fmt.Errorf("parse what was proved: %w", ErrMalformed)
	}
	le.PutUint64(rest[9:], uint64(now+min(proofsEnd(rest), maxRemaining)))
	return rest[size:], nil
}

// clamp bounds the remaining times of the entry: one that is too long may be late, or of a member that allows more, but is
// no reason to lose the binding.
func (e entry) clamp() {
	left := min(e.expires(), maxRemaining)
	e.setExpires(left)
	le.PutUint32(e[atLinger:], uint32(min(int64(e.linger()), maxRemaining, maxRemaining-left)))
}

func nextEntrySafe(b []byte) (entry, []byte) {
	if int(le.Uint16(b)) < headSize {
		return nil, nil
	}
	return nextEntry(b)
}

// wellFormed checks an entry of at least headSize bytes that holds a remaining lifetime.
func (e entry) wellFormed() bool {
	size := headSize
	for i := range fields {
		size += e.fieldLen(i)
	}
	flags := e[atFlags]
	unused := e[atAddr : atAddr+16]
	switch flags & (flagV4 | flagV6) {
	case flagV4:
		unused = unused[4:]
	case flagV6:
		unused = nil
	case flagV4 | flagV6:
		return false
	default:
		unused = e[atPort : atAddr+16]
	}
	for _, b := range unused {
		if b != 0 {
			return false
		}
	}
	return size == len(e) && size <= maxBinding && flow.Transport(e[atTransport]).Known() && e.fieldLen(fieldContact) > 0 && flags&^flagsKnown == 0 &&
		(e.deleted() && e.marker() || e.outbound() || e[headSize] > markerPrefix[0]) &&
		e.expires() >= -maxRemaining && e.version().Counter <= maxCounter && le.Uint16(e[atQ:]) <= MaxQ
}

// AppendLive appends, in the form of AppendRecord, the bindings that are live at now: what an answer to a phone needs.
func AppendLive(dst []byte, r Record, now int64) []byte {
	return appendEntries(dst, r, now, false, func(e entry) bool { return e.live(now) })
}
