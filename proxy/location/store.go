package location

import (
	"bytes"
	"hash/maphash"
	"unsafe"
)

// Store holds the records of some partitions, numbered from 0. Not safe for concurrent use.
//
// hash is the ring's of the AOR, of which checksums have the low bits. It places nothing here: whoever has found users of
// one hash has them meet in no index.
type Store struct {
	seed     maphash.Seed // places AORs in the indexes
	parts    []partition
	contacts contacts
	shares   shares
	heavy    heavy
	stats    Stats
	applier  applier
	scratch  []byte
}

// partition keeps its records in slots, which do not move: a walk over them may pause while the store changes.
type partition struct {
	slots []slot
	free  []uint32
	index index
	stats Stats
}

type slot struct {
	rec  Record
	hash uint32 // the ring's
}

// OwnScheme begins the addresses-of-record that no phone has: what is kept under one is the cluster's own, and counts as a
// record and by its bytes, but not among Bindings.
const OwnScheme = "app:"

// Stats counts what a store or a partition holds. Bindings include what has expired and has not been purged yet, but no
// tombstones. Bytes are those of the records and of what finds them; the index of contacts is the store's alone.
type Stats struct {
	Records, Bindings, Bytes int
}

// What is beside the bytes of a record.
const (
	slotBytes = int(unsafe.Sizeof(slot{}))
	freeBytes = 4
	cellBytes = 8 // of an index
)

// overhead returns the bytes of a partition that are beside the records.
func (p *partition) overhead() int {
	return slotBytes*cap(p.slots) + freeBytes*cap(p.free) + cellBytes*len(p.index.cells)
}

// NewStore returns an empty store of that many partitions.
func NewStore(partitions int) *Store {
	return &Store{seed: maphash.MakeSeed(), parts: make([]partition, partitions), contacts: newContacts(), shares: newShares()}
}

// Stats returns the sums over all partitions.
func (s *Store) Stats() Stats {
	sum := s.stats
	sum.Bytes += contactBytes * s.contacts.used
	return sum
}

// PartitionStats returns the counts of one partition.
func (s *Store) PartitionStats(part int) Stats { return s.parts[part].stats }

// Get returns the record of the AOR, the zero Record if there is none. It is valid until the store next changes.
func (s *Store) Get(part int, aor []byte) Record {
	i := s.find(part, aor)
	if i < 0 {
		return Record{}
	}
	return s.parts[part].slots[i].rec
}

// Apply applies one REGISTER to the record of its AOR, in the order of RFC 3261 section 10.3 steps 6 to 8. clock is the
// writer's clock for versions, node its ID.
//
// A retransmission of what wrote the binding that it names changes nothing and is granted. What is older aborts the
// whole update with 500.
func (s *Store) Apply(now int64, part int, hash uint64, u *Update, lim Limits, clock uint64, node uint32) Result {
	p := &s.parts[part]
	i := s.find(part, u.AOR)
	var before Record
	if i >= 0 {
		before = p.slots[i].rec
	}
	after, res := s.applier.apply(now, before, u, lim, Version{Counter: clock, Node: node})
	if !res.Changed || sameBytes(before, after) {
		return res
	}
	if status := s.overShare(u, lim, before, after); status != StatusOK {
		return s.overdrawn(part, i, u, status)
	}
	s.put(part, i, hash, after)
	return res
}

// overdrawn refuses the last update that was applied, but remembers what was proved, if the AOR is known.
func (s *Store) overdrawn(part, i int, u *Update, status int) Result {
	if i < 0 {
		return Result{Status: status}
	}
	before := s.parts[part].slots[i].rec
	after, res := s.applier.proved(before, u.AOR, Result{Status: status})
	if res.Changed && !sameBytes(before, after) {
		s.put(part, i, uint64(s.parts[part].slots[i].hash), after)
	}
	return res
}

// Merge merges a record into the one of its AOR and reports whether that changed anything. It keeps no part of r.
func (s *Store) Merge(part int, hash uint64, r Record) bool {
	if r.IsZero() {
		return false
	}
	p := &s.parts[part]
	i := s.find(part, r.AOR())
	if i < 0 {
		if r.isEmpty() {
			return false
		}
		s.put(part, i, hash, Record{append(make([]byte, 0, len(r.b)), r.b...)})
		return true
	}
	old := p.slots[i].rec
	if ok, changed := mergeInPlace(old, r); ok {
		return changed
	}
	s.scratch = appendMerge(s.scratch[:0], old, r)
	if string(s.scratch) == string(old.b) {
		return false
	}
	s.put(part, i, hash, Record{append(make([]byte, 0, len(s.scratch)), s.scratch...)})
	return true
}

// Next returns the first record at or after the cursor, which starts at 0, and the cursor to go on with. ok is false
// when there is none. Records that are there throughout a walk are met exactly once, whatever else changes.
func (s *Store) Next(part, cursor int) (r Record, next int, ok bool) {
	p := &s.parts[part]
	for ; cursor < len(p.slots); cursor++ {
		if r := p.slots[cursor].rec; !r.IsZero() {
			return r, cursor + 1, true
		}
	}
	return Record{}, cursor, false
}

// Slot returns the record of a slot of a partition, the zero Record if it is empty, and false if there is no such slot. A
// walk over the slots from 0 on may pause, as one by Next, and knows how much of the way it makes.
func (s *Store) Slot(part, slot int) (r Record, ok bool) {
	p := &s.parts[part]
	if slot >= len(p.slots) {
		return Record{}, false
	}
	return p.slots[slot].rec, true
}

// Purge drops what has expired in one partition and returns how many bindings that were.
func (s *Store) Purge(now int64, part int) int {
	p := &s.parts[part]
	before := p.stats.Bindings
	s.heavy.begin(part)
	for i := range p.slots {
		if r := p.slots[i].rec; !r.IsZero() && r.hasExpired(now) {
			s.put(part, i, uint64(p.slots[i].hash), r.without(now))
		}
		s.heavy.see(p.slots[i].rec, now)
		s.contacts.refill(place{part, i}, p.slots[i].rec)
	}
	return before - p.stats.Bindings
}

// Drop forgets everything in one partition.
func (s *Store) Drop(part int) {
	p := &s.parts[part]
	for i := range p.slots {
		s.contacts.change(place{part, i}, p.slots[i].rec, Record{})
		s.shares.count(p.slots[i].rec, -1)
	}
	s.stats.sub(p.stats)
	*p = partition{}
}

// Digest returns a checksum of what is remembered in a partition at now, independent of order, and how many states of
// bindings that are, and AORs to which something was proved: removals are among them, since another copy must not outlive them. Equal digests mean, but for a
// chance of 2^-64, that two members hold the same versions of the same bindings.
func (s *Store) Digest(now int64, part int) (sum uint64, states int) {
	for i := range s.parts[part].slots {
		r := s.parts[part].slots[i].rec
		aor := uint64(s.parts[part].slots[i].hash)
		for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
			if e.endsAt() > now {
				sum += e.digest(aor)
				states++
			}
		}
		if r.proofBytes() != nil && !r.proofsOver(now) {
			sum += r.proofsSum(aor)
			states++
		}
	}
	return sum, states
}

func (s *Store) find(part int, aor []byte) int {
	p := &s.parts[part]
	return p.index.find(s.key(aor), func(i int) bool { return string(p.slots[i].rec.AOR()) == string(aor) })
}

// key places an AOR in the index of its partition.
func (s *Store) key(aor []byte) uint32 { return uint32(maphash.Bytes(s.seed, aor)) }

// put sets the record of slot i, or of a new one if i < 0. A record without anything in it frees the slot.
func (s *Store) put(part, i int, hash uint64, r Record) {
	p := &s.parts[part]
	before, overhead := p.stats, p.overhead()
	defer func() {
		p.stats.Bytes += p.overhead() - overhead
		s.stats.sub(before)
		s.stats.add(p.stats)
	}()
	if i >= 0 {
		p.count(p.slots[i].rec, -1)
		s.shares.count(p.slots[i].rec, -1)
	}
	if r.isEmpty() {
		if i >= 0 {
			s.contacts.change(place{part, i}, p.slots[i].rec, Record{})
			p.index.remove(s.key(p.slots[i].rec.AOR()), i)
			p.slots[i] = slot{}
			p.free = append(p.free, uint32(i))
		}
		return
	}
	if i < 0 {
		i = p.freeSlot()
		p.index.add(s.key(r.AOR()), i)
	}
	s.contacts.change(place{part, i}, p.slots[i].rec, r)
	p.slots[i] = slot{rec: r, hash: uint32(hash)}
	p.count(r, 1)
	s.shares.count(r, 1)
}

func (p *partition) freeSlot() int {
	if n := len(p.free); n > 0 {
		i := p.free[n-1]
		p.free = p.free[:n-1]
		return int(i)
	}
	p.slots = append(p.slots, slot{})
	return len(p.slots) - 1
}

func (p *partition) count(r Record, sign int) {
	n := 0
	if !bytes.HasPrefix(r.AOR(), []byte(OwnScheme)) {
		n = r.bindings()
	}
	p.stats.add(Stats{Records: sign, Bindings: sign * n, Bytes: sign * cap(r.b)})
}

func (t *Stats) add(u Stats) {
	t.Records += u.Records
	t.Bindings += u.Bindings
	t.Bytes += u.Bytes
}

func (t *Stats) sub(u Stats) {
	t.add(Stats{Records: -u.Records, Bindings: -u.Bindings, Bytes: -u.Bytes})
}

func sameBytes(a, b Record) bool {
	return len(a.b) > 0 && len(b.b) > 0 && &a.b[0] == &b.b[0]
}

// isEmpty reports whether nothing is remembered in r.
func (r Record) isEmpty() bool {
	e, _ := r.entries()
	return e == nil && r.proofBytes() == nil
}

func (r Record) hasExpired(now int64) bool {
	if r.proofsOver(now) {
		return true
	}
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if e.endsAt() <= now {
			return true
		}
	}
	return false
}

// without returns the record without what has expired.
func (r Record) without(now int64) Record {
	proved := r.proofs()
	if proved.ends <= now {
		proved = proofs{}
	}
	b := appendHead(nil, r.AOR(), &proved)
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if e.endsAt() > now {
			b = append(b, e...)
		}
	}
	return Record{b}
}
