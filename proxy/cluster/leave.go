package cluster

import "slices"

// coverPeriod is how often the owners of a partition are asked whether they have everything that is here, ms.
const coverPeriod = 200

// tryLeave drops a partition that is not owned once its owners have everything, know that we leave, so that of two
// members that leave neither relies on the other, and have what is here: after a partition of the network that can be
// more than they knew.
func (c *Core) tryLeave(local int32, noted uint32) {
	p := &c.parts[local]
	if noted >= p.announced && p.writes == 0 && !c.view.Pending && c.ownersHold(local) && c.ownersCover(local) {
		c.drop(local)
	}
}

// ownersHold reports whether the partition has owners and they all hold it.
func (c *Core) ownersHold(local int32) bool {
	owners := c.view.Ring.Owners(c.global(local))
	for _, id := range owners {
		if c.parts[local].holdingOf(id) != held {
			return false
		}
	}
	return len(owners) > 0
}

// ownersCover reports whether the owners have everything that is here. Those that may not are asked.
func (c *Core) ownersCover(local int32) bool {
	p := &c.parts[local]
	ask := c.now-p.coverAt >= coverPeriod
	covered := true
	for _, id := range c.view.Ring.Owners(c.global(local)) {
		if slices.Contains(p.covered, id) {
			continue
		}
		covered = false
		if ask && len(c.covers) < c.maxQueued() {
			p.coverAt = c.now
			c.covers = append(c.covers, check{local: local, peer: id})
		}
	}
	return covered
}

// cover notes that the member has everything that is here.
func (p *part) cover(id uint32) {
	if !slices.Contains(p.covered, id) && (p.holding == leaving || p.holding == none) {
		p.covered = append(p.covered, id)
	}
}

// drop forgets a partition.
func (c *Core) drop(local int32) {
	c.store.Drop(int(local))
	p := &c.parts[local]
	p.strayAt, p.alone, p.covered = 0, false, nil
	c.set(local, none)
}
