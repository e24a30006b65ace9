package cluster

// onStatus takes a peer's announcement and confirms it. From here on every update ordered here goes to the new holder,
// those under way too: that is what the confirmation says.
func (c *Core) onStatus(p *peer, r *reader, e *Effects) bool {
	sequence, clock, flags := r.u32(), r.u64(), r.u8()
	n := r.count(int(r.u32()), 5)
	if r.bad {
		return false
	}
	c.learn(clock)
	p.room = roomOf(flags)
	c.budget.short()
	if flags&statusFull != 0 {
		c.partitions.forgetHolder(p.id)
	}
	dropped := c.scratch.clear(c.partitions.len())
	for range n {
		local, ok := c.partitions.local(r.u32())
		status := r.u8()
		h := holding(status &^ statusMissed)
		if !ok || h > leaving {
			c.stats.DroppedMessages++
			continue
		}
		c.partitions.at(local).setHolder(p.id, h)
		if !h.serves() {
			c.partitions.at(local).uncover(p.id) // what it had it may have dropped
		}
		if h == none {
			dropped[local] = true
		}
		c.lostSource(local, p.id, h)
		if flags&statusFull != 0 && h == held && c.partitions.at(local).holding == held && c.cfg.Self < p.id {
			c.checks.add(check{local: local, peer: p.id})
		}
		if status&statusMissed != 0 {
			c.missed(p, local)
		}
	}
	if flags&statusWant != 0 {
		p.fullDue = true
	}
	c.ops.each(func(o *op) {
		if o.kind == opWrite && (dropped[o.local] || flags&statusFull != 0 && c.partitions.at(o.local).holdingOf(p.id) == none) {
			o.dropCopy(p.id)
		}
		c.reconsider(o, p.id, flags&statusFull != 0, e)
	})
	start := c.begin(e, kindNoted)
	e.u32(sequence)
	e.send(p.id, start)
	if flags&statusFull != 0 {
		c.unask(p)
	}
	c.advance(e)
	return true
}

// onNoted takes a peer's confirmation of an announcement.
func (c *Core) onNoted(p *peer, r *reader, e *Effects) bool {
	sequence := r.u32()
	if r.bad || sequence > c.announcements.last {
		return false
	}
	p.noted = max(p.noted, sequence)
	c.absences.end(p.id)
	if c.announcements.asked() && c.announcements.sure() {
		c.redirect(e)
	}
	c.advance(e)
	return true
}
