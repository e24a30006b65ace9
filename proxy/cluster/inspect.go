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
