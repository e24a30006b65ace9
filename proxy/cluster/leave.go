package cluster

import (
	"slices"

	"github.com/sipring/sipring/proxy/ring"
)

// tryLeave drops a partition that is not owned once its owners have everything, know that we leave, so that of two
// members that leave neither relies on the other, and have what is here: after a partition of the network that can be
// more than they knew.
func (c *Core) tryLeave(local int32, noted uint32) {
	p := c.partitions.at(local)
	if noted >= p.announced && p.writes == 0 && !c.view.Pending && c.othersHold(local) {
		c.partitions.becomeNone(local)
	}
}

// othersHold reports whether what is here may go: those who own the partition, and those who will, hold it and have what
// is here, and they are as many as are to hold it of the members that stay.
func (c *Core) othersHold(local int32) bool {
	keepers := c.keepers(local)
	if len(keepers) == 0 || len(keepers) < c.view.HandOver() {
		return false
	}
	for _, id := range keepers {
		if c.partitions.at(local).holdingOf(id) != held {
			return false
		}
	}
	return c.cover(local, keepers)
}

// keepers are the other members that own the partition now or will when the members that join are in. The slice is
// valid until the next step.
func (c *Core) keepers(local int32) []uint32 {
	n, ids := c.global(local), c.scratch.targets[:0]
	for _, table := range []*ring.Table{c.view.Ring, c.view.Next} {
		for _, id := range table.Owners(n) {
			if id != c.cfg.Self && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	c.scratch.targets = ids
	return ids
}
