package cluster

// coverPeriod is how often the owners of a partition are asked whether they have everything that is here, ms.
const coverPeriod = 200

// cover reports whether the keepers have everything that is here. Those that may not are asked.
func (c *Core) cover(local int32, keepers []uint32) bool {
	p := c.partitions.at(local)
	ask := c.now-p.askedAt >= coverPeriod
	covered := true
	for _, id := range keepers {
		if p.coverage.has(id) {
			continue
		}
		covered = false
		if ask {
			p.askedAt = c.now
			c.covers.add(check{local: local, peer: id})
		}
	}
	return covered
}

// tellFetched confirms that everything is here that the pulls of a member brought.
func (c *Core) tellFetched(to uint32, pulls []pull, e *Effects) {
	if len(pulls) == 0 {
		return
	}
	start := c.begin(e, kindFetched)
	e.u16(uint16(len(pulls)))
	for _, w := range pulls {
		e.u32(uint32(c.global(w.local)))
		e.u32(w.tag)
	}
	e.send(to, start)
}

// onFetched takes a member's word that all of what it fetched is there.
func (c *Core) onFetched(p *peer, r *reader, e *Effects) bool {
	n := r.count(int(r.u16()), 8)
	for range n {
		number, tag := r.u32(), r.u32()
		local, ok := c.partitions.local(number)
		if !ok {
			return false
		}
		part := c.partitions.at(local)
		if part.fetched(p.id, tag) {
			part.cover(p.id)
		}
	}
	if r.bad {
		return false
	}
	c.advance(e)
	return true
}
