package location

import (
	"slices"

	"github.com/sipring/sipring/proxy/wire"
)

// contacts finds the records of a store by the URIs of their contacts: a call may be for a contact, whose
// address-of-record nothing in it tells (RFC 5589 section 7). A cell of 8 bytes stands for a contact in a record: 24 bits of
// its hash, 16 of the partition, 24 of the slot plus one. Tables grow by a quarter, and are many, so that none takes long.
//
// Anybody may register anything, also one contact for a million AORs. So cells are placed by a key that only this
// process knows, wire.HashURI, no more than maxAlike of them are alike, and what has no cell is counted.
type contacts struct {
	tables  [contactTables]contactTable
	used    int            // cells of all tables
	without map[uint64]int // by key: contacts in records that have no cell
	old     []uint64
	new     []uint64
}

type contactTable struct {
	cells []uint64
	used  int
}

// place is a slot of a partition.
type place struct{ part, slot int }

const (
	contactTables = 1 << tableBits
	tableBits     = 6
	tagBits       = 24
	partBits      = 16
	slotBits      = 24

	// maxAlike is the most cells of one hash.
	maxAlike = 16
	// contactBytes is about what a contact takes here: from 9.1 in full tables to 11.4 in such as have just grown, which is
	// another moment in every process.
	contactBytes = 10
)

// noContact is the hash of what is neither a SIP nor a SIPS URI, which no Request-URI names as a contact.
var noContact = wire.HashURI(nil)

func newContacts() contacts {
	return contacts{without: map[uint64]int{}}
}

// keys appends the key of every contact in r, expired ones too, once and sorted.
func (x *contacts) keys(dst []uint64, r Record) []uint64 {
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if e.deleted() {
			continue
		}
		if key := wire.HashURI(e.field(fieldContact)); key != noContact {
			dst = append(dst, key)
		}
	}
	slices.Sort(dst)
	return slices.Compact(dst)
}

// change enters that there is another record at a place. The zero Record is none.
func (x *contacts) change(at place, before, after Record) {
	if sameContacts(before, after) {
		return
	}
	x.old, x.new = x.keys(x.old[:0], before), x.keys(x.new[:0], after)
	gone, come := x.old, x.new
	for len(gone) > 0 || len(come) > 0 {
		switch {
		case len(come) == 0 || len(gone) > 0 && gone[0] < come[0]:
			x.remove(gone[0], at)
			gone = gone[1:]
		case len(gone) == 0 || come[0] < gone[0]:
			x.add(come[0], at)
			come = come[1:]
		default:
			gone, come = gone[1:], come[1:]
		}
	}
}

// sameContacts reports whether two records have the same contacts in the same order, as most changes leave them.
func sameContacts(a, b Record) bool {
	ea, ra := a.entries()
	eb, rb := b.entries()
	for ea != nil && eb != nil {
		if ea.deleted() != eb.deleted() || string(ea.field(fieldContact)) != string(eb.field(fieldContact)) {
			return false
		}
		ea, ra = nextEntry(ra)
		eb, rb = nextEntry(rb)
	}
	return ea == nil && eb == nil
}

func (x *contacts) table(key uint64) *contactTable { return &x.tables[key>>(64-tableBits)] }

func (x *contacts) add(key uint64, at place) {
	if cell, ok := cellOf(key, at); !ok || !x.enter(key, cell) {
		x.without[key]++
	}
}

func (x *contacts) remove(key uint64, at place) {
	if cell, ok := cellOf(key, at); ok && x.take(key, cell) {
		return
	}
	x.lessWithout(key)
}

func (x *contacts) enter(key, cell uint64) bool {
	entered := x.table(key).add(cell)
	if entered {
		x.used++
	}
	return entered
}

func (x *contacts) take(key, cell uint64) bool {
	taken := x.table(key).remove(cell)
	if taken {
		x.used--
	}
	return taken
}

func (x *contacts) lessWithout(key uint64) {
	if x.without[key]--; x.without[key] <= 0 {
		delete(x.without, key)
	}
}

// refill gives cells, where there is room again, to contacts of a record that have none.
func (x *contacts) refill(at place, r Record) {
	if len(x.without) == 0 {
		return
	}
	x.new = x.keys(x.new[:0], r)
	for _, key := range x.new {
		cell, ok := cellOf(key, at)
		if x.without[key] > 0 && ok && x.table(key).find(cell) < 0 && x.enter(key, cell) {
			x.lessWithout(key)
		}
	}
}

// each calls f with every place whose contact may have the key, until it returns false. all: these are all there are.
func (x *contacts) each(key uint64, f func(place) bool) (all bool) {
	t := x.table(key)
	tag := tagOf(key)
	for i := t.home(tag); len(t.cells) > 0 && t.cells[i] != 0; i = t.next(i) {
		if c := t.cells[i]; c>>(partBits+slotBits) == tag && !f(placeOf(c)) {
			break
		}
	}
	return x.without[key] == 0
}

func tagOf(key uint64) uint64 { return key << tableBits >> (64 - tagBits) }

// cellOf returns false if the place has no number that fits.
func cellOf(key uint64, at place) (uint64, bool) {
	if at.part >= 1<<partBits || at.slot >= 1<<slotBits-1 {
		return 0, false
	}
	return tagOf(key)<<(partBits+slotBits) | uint64(at.part)<<slotBits | uint64(at.slot+1), true
}

func placeOf(cell uint64) place {
	return place{part: int(cell >> slotBits & (1<<partBits - 1)), slot: int(cell&(1<<slotBits-1)) - 1}
}

// home is where the cells of a tag begin, which is no power of two's remainder: the tables have any size.
func (t *contactTable) home(tag uint64) int { return int(tag * uint64(len(t.cells)) >> tagBits) }

func (t *contactTable) next(i int) int {
	if i++; i < len(t.cells) {
		return i
	}
	return 0
}

// add enters a cell, unless there are enough alike. At most 7 of 8 are used.
func (t *contactTable) add(cell uint64) bool {
	if 8*(t.used+1) > 7*len(t.cells) {
		t.grow()
	}
	tag, alike := cell>>(partBits+slotBits), 0
	i := t.home(tag)
	for ; t.cells[i] != 0; i = t.next(i) {
		if t.cells[i]>>(partBits+slotBits) == tag {
			if alike++; alike == maxAlike {
				return false
			}
		}
	}
	t.cells[i] = cell
	t.used++
	return true
}

func (t *contactTable) grow() {
	old := t.cells
	t.cells = make([]uint64, max(firstCells, len(old)+len(old)/4))
	for _, c := range old {
		if c == 0 {
			continue
		}
		i := t.home(c >> (partBits + slotBits))
		for t.cells[i] != 0 {
			i = t.next(i)
		}
		t.cells[i] = c
	}
}

func (t *contactTable) find(cell uint64) int {
	if len(t.cells) == 0 {
		return -1
	}
	for i := t.home(cell >> (partBits + slotBits)); t.cells[i] != 0; i = t.next(i) {
		if t.cells[i] == cell {
			return i
		}
	}
	return -1
}

// remove takes a cell out and closes the gap it leaves in its run.
func (t *contactTable) remove(cell uint64) bool {
	i := t.find(cell)
	if i < 0 {
		return false
	}
	n := len(t.cells)
	for j := t.next(i); t.cells[j] != 0; j = t.next(j) {
		if home := t.home(t.cells[j] >> (partBits + slotBits)); (j-home+n)%n >= (j-i+n)%n {
			t.cells[i] = t.cells[j]
			i = j
		}
	}
	t.cells[i] = 0
	if t.used--; t.used == 0 {
		t.cells = nil
	}
	return true
}

// Locate returns a record with a live binding whose contact, without headers, equals the URI (RFC 3261 section 19.1.4), which
// has none, being a Request-URI or the contact of a dialog (section 19.1.1, table 1), of the partitions
// for which in says yes; the zero Record if there is none. hash is wire.HashURI of the URI. sure is false if there is
// none among those looked at, and more that may be one.
func (s *Store) Locate(now int64, hash uint64, uri []byte, in func(part int) bool) (r Record, sure bool) {
	if hash == noContact {
		return Record{}, true
	}
	all := s.contacts.each(hash, func(at place) bool {
		if found := s.parts[at.part].slots[at.slot].rec; in(at.part) && found.hasContact(now, uri) {
			r = found
		}
		return r.IsZero()
	})
	return r, all || !r.IsZero()
}

func (r Record) hasContact(now int64, uri []byte) bool {
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if e.live(now) && wire.EqualURI(wire.WithoutHeaders(e.field(fieldContact)), uri) {
			return true
		}
	}
	return false
}
