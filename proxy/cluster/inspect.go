package cluster

import "github.com/sipring/sipring/proxy/location"

// Holding returns what this member has of partition p, one of this core's: "none", "filling", "held" or "leaving"; and
// a checksum and the number of its live bindings.
func (c *Core) Holding(p int) (state string, sum uint64, bindings int) {
	local, ok := c.partitions.local(uint32(p))
	if !ok {
		return none.String(), 0, 0
	}
	sum, bindings = c.store.Digest(c.now, int(local))
	return c.partitions.at(local).holding.String(), sum, bindings
}

// Peek returns the record of an AOR of this core as it is here, whether it counts or not; the zero Record if there is
// none. It is valid until the next step.
func (c *Core) Peek(aor []byte) location.Record {
	_, local, ok := c.partitions.place(aor)
	if !ok {
		return location.Record{}
	}
	return c.store.Get(int(local), aor)
}

// Look is what a member has of one AOR at one moment. It may be used again.
type Look struct {
	// Holding is what it has of the AOR's partition, see Core.Holding.
	Holding string
	// Record is a copy, of what does not count too; the zero Record if there is none.
	Record location.Record
	// Now is the time for what is left of bindings, Clock the one that their versions were made by: both in ms.
	Now   int64
	Clock uint64

	buf []byte
}

// Look fills in l for an AOR of this core.
func (c *Core) Look(now int64, aor []byte, l *Look) {
	l.Now, l.Clock = now, uint64(max(1, now+c.ahead))
	_, local, ok := c.partitions.place(aor)
	if !ok {
		l.Holding, l.Record = none.String(), location.Record{}
		return
	}
	l.Holding = c.partitions.at(local).holding.String()
	l.Record, l.buf = c.store.Get(int(local), aor).CopyTo(l.buf)
}

// Cursor is how far a walk over a core's records has come. The zero Cursor begins one.
type Cursor struct {
	part int32
	slot int
}

// walkStep is what one step of a walk looks at, at most: partitions, slots and KiB of records together. That takes some
// 0.1 ms, and less than a millisecond whatever the records are:
//
//	go test ./proxy/cluster -run xxx -bench Walk -benchtime 5x
const walkStep = 256

// Walk calls f with addresses-of-record of this core that have a live binding and whose home this member is, for a bounded
// step from the cursor on, and returns the cursor to go on with; end says that there is nothing more. f must not keep what
// it gets. An AOR that is there throughout a walk is met once, unless its home changes meanwhile.
func (c *Core) Walk(now int64, from Cursor, f func(aor []byte)) (next Cursor, end bool) {
	for left := walkStep; left > 0; left-- {
		if int(from.part) >= c.partitions.len() {
			return from, true
		}
		if home, ok := c.view.Ring.Home(c.partitions.global(from.part)); !ok || home != c.cfg.Self {
			from = Cursor{part: from.part + 1}
			continue
		}
		r, ok := c.store.Slot(int(from.part), from.slot)
		if !ok {
			from = Cursor{part: from.part + 1}
			continue
		}
		from.slot++
		left -= r.Size() >> 10
		if r.LiveCount(now) > 0 {
			f(r.AOR())
		}
	}
	return from, false
}
