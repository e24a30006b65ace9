package cluster

import "slices"

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
		c.heard(p, flags)
	}
	c.dropped = slices.Grow(c.dropped[:0], c.partitions.len())[:c.partitions.len()]
	clear(c.dropped)
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
			c.partitions.at(local).coverage.uncover(p.id) // what it had it may have dropped
		} else {
			c.partitions.at(local).first = false // it has asked this one
		}
		if h == none {
			c.dropped[local] = true
		}
		c.syncer.lostSource(local, p.id, h)
		if flags&statusFull != 0 && h == held && c.partitions.at(local).holding == held && c.cfg.Self < p.id {
			c.comparer.compare(local, p.id)
		}
		if status&statusMissed != 0 {
			c.missed(p, local)
		}
	}
	if flags&statusWant != 0 {
		p.fullDue = true
	}
	c.operations.announced(p.id, flags&statusFull != 0, c.dropped, e)
	start := c.begin(e, kindNoted)
	e.u32(sequence)
	e.send(p.id, start)
	if flags&statusFull != 0 {
		c.unask(p)
	}
	return true
}

// heard takes the first announcement on a stream: the member may know better than what was concluded alone, but for a process
// in which nothing has been stored.
func (c *Core) heard(p *peer, flags uint8) {
	switch {
	case !p.unheard:
	case flags&statusBlank == 0:
		c.syncer.doubt()
	default:
		c.syncer.joined()
		if v := c.view; len(c.peers) == 1 && len(v.Suspects) == 0 && !v.Pending {
			c.partitions.leaveNoDoubt() // there is nobody else
		}
	}
	p.unheard = false
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
		c.operations.reconsider(e)
	}
	return true
}

// missed takes a peer's word that it may have acknowledged updates of a partition without this member. What is held is
// fetched anew. Where each took the other for dead, as when the network was parted, neither knows better: both serve on,
// and compare.
func (c *Core) missed(p *peer, local int32) {
	if m, _ := c.view.Member(p.id); m.CameBack && c.partitions.at(local).holding.serves() {
		c.repairer.add(local, p.id)
		return
	}
	c.syncer.missed(local, p.id)
}

// onSnapshot merges what a pull brought.
func (c *Core) onSnapshot(p *peer, r *reader, e *Effects) bool {
	c.stats.SnapshotsBytes += uint64(len(r.b))
	var told []pull // fetches to be confirmed
	for len(r.b) > 0 {
		number, tag, flags, next := r.u32(), r.u32(), r.u8(), r.u32()
		records := r.take(int(r.u32()))
		local, ok := c.partitions.local(number)
		if r.bad || !ok {
			return false
		}
		whole := c.snapshots.mergeAll(p.id, local, records)
		p.pulls.answered()
		if c.fetched(local, p.id, section{tag, flags, next, whole}) && flags&sectionTell != 0 {
			told = append(told, pull{local: local, tag: tag})
		}
	}
	c.snapshots.confirm(p.id, told, e)
	return true
}

// fetched takes the answer to what was asked of a member, and reports whether all that it has is here now.
func (c *Core) fetched(local int32, id uint32, a section) (all bool) {
	if all, ok := c.syncer.answered(local, id, a); ok {
		return all
	}
	return c.repairer.answered(id, a)
}
