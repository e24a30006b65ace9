package cluster

import (
	"math"
	"slices"
)

// announce tells the peers which holdings changed in this step, and new peers all there is.
func (c *Core) announce(e *Effects) {
	full, ask := c.anyFullDue(), c.unsure > c.sequence
	room := c.room != c.toldRoom
	if len(c.dirty) == 0 && !full && !ask && !room {
		return
	}
	c.sequence++
	c.toldRoom = c.room
	if len(c.dirty) > 0 || ask || room {
		e.Changed = e.Changed || len(c.dirty) > 0
		start := c.beginStatus(e, 0, len(c.dirty))
		for _, i := range c.dirty {
			e.u32(uint32(c.global(i)))
			e.u8(uint8(c.parts[i].holding))
			c.parts[i].listed = false
		}
		c.dirty = c.dirty[:0]
		for _, p := range c.peers {
			if !p.fullDue {
				e.send(p.id, start)
			}
		}
	}
	if full {
		c.announceAll(e)
	}
}

func (c *Core) anyFullDue() bool {
	for _, p := range c.peers {
		if p.fullDue {
			return true
		}
	}
	return false
}

// announceAll sends everything to the peers it is due to.
func (c *Core) announceAll(e *Effects) {
	for _, want := range []bool{false, true} {
		start := -1
		for _, p := range c.peers {
			if !p.fullDue || p.fullWant != want {
				continue
			}
			a := c.absenceOf(p.id)
			if start < 0 || a != nil {
				start = c.encodeAll(e, want, a)
			}
			e.send(p.id, start)
			if p.fullDue, p.fullWant = false, false; a != nil {
				start = -1 // that was for this one alone
			}
		}
	}
}

// encodeAll writes every holding, and what the peer may have missed.
func (c *Core) encodeAll(e *Effects, want bool, a *absence) int {
	flags := uint8(statusFull)
	if want {
		flags |= statusWant
	}
	start, count := c.beginStatus(e, flags, 0), 0
	for i := range c.parts {
		h := uint8(c.parts[i].holding)
		if a.has(i) {
			h |= statusMissed
		}
		if h != 0 {
			e.u32(uint32(c.global(int32(i))))
			e.u8(h)
			count++
		}
	}
	le.PutUint32(e.buf[start+statusCountAt:], uint32(count))
	return start
}

func (c *Core) beginStatus(e *Effects, flags uint8, count int) int {
	start := c.begin(e, kindStatus)
	e.u32(c.sequence)
	e.u64(c.clock())
	e.u8(flags | roomFlags(c.room))
	e.u32(uint32(count))
	return start
}

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
	c.short()
	if flags&statusFull != 0 {
		c.forgetHoldings(p.id)
	}
	dropped := c.scratch.clear(len(c.parts))
	for range n {
		local, ok := c.local(r.u32())
		status := r.u8()
		h := holding(status &^ statusMissed)
		if !ok || h > leaving {
			c.stats.DroppedMessages++
			continue
		}
		c.parts[local].setHolder(p.id, h)
		if !h.serves() {
			c.parts[local].uncover(p.id) // what it had it may have dropped
		}
		if h == none {
			dropped[local] = true
		}
		c.lostSource(local, p.id, h)
		if flags&statusFull != 0 && h == held && c.parts[local].holding == held && c.cfg.Self < p.id {
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
		if o.kind == opWrite && (dropped[o.local] || flags&statusFull != 0 && c.parts[o.local].holdingOf(p.id) == none) {
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
	if r.bad || sequence > c.sequence {
		return false
	}
	p.noted = max(p.noted, sequence)
	c.confirmed(p)
	if c.unsure != 0 && c.sure() {
		c.redirect(e)
	}
	c.advance(e)
	return true
}

// noted returns the announcement that every peer has confirmed.
func (c *Core) noted() uint32 {
	least := uint32(math.MaxUint32)
	for _, p := range c.peers {
		least = min(least, p.noted)
	}
	return least
}

// setHolder notes what another member holds.
func (p *part) setHolder(id uint32, h holding) {
	for i := range p.holders {
		if p.holders[i].id == id {
			if h == none {
				p.holders = slices.Delete(p.holders, i, i+1)
			} else {
				p.holders[i].holding = h
			}
			return
		}
	}
	if h != none {
		p.holders = append(p.holders, holder{id, h})
	}
}

// holdingOf returns what another member holds.
func (p *part) holdingOf(id uint32) holding {
	for _, h := range p.holders {
		if h.id == id {
			return h.holding
		}
	}
	return none
}

// holdingAt is holdingOf for any member, this one included.
func (c *Core) holdingAt(local int32, id uint32) holding {
	if id == c.cfg.Self {
		return c.parts[local].holding
	}
	return c.parts[local].holdingOf(id)
}

// choose returns the member to read from or to order an update: the first owner that holds the partition, else any
// member that does; 0 if there is none.
func (c *Core) choose(local int32, not [2]uint32) uint32 {
	usable := func(id uint32) bool {
		return id != not[0] && id != not[1] && c.holdingAt(local, id).serves() && (id != c.cfg.Self || c.sure())
	}
	for _, id := range c.view.Ring.Owners(c.global(local)) {
		if usable(id) {
			return id
		}
	}
	for _, h := range c.parts[local].holders {
		if usable(h.id) {
			return h.id
		}
	}
	if usable(c.cfg.Self) {
		return c.cfg.Self
	}
	return 0
}

// isTarget reports whether the member is one of targets, or would be if it were up.
func (c *Core) isTarget(local int32, id uint32) bool {
	n := c.global(local)
	return c.view.Ring.IsOwner(n, id) || c.view.Next.IsOwner(n, id) || c.parts[local].holdingOf(id) != none
}

// targets appends to dst the other members that every update of the partition goes to: its owners, those to come, and
// whoever has announced that it holds it or is about to.
func (c *Core) targets(dst []uint32, local int32) []uint32 {
	n := c.global(local)
	add := func(id uint32) {
		if id != c.cfg.Self && !slices.Contains(dst, id) && c.peer(id) != nil {
			dst = append(dst, id)
		}
	}
	for _, id := range c.view.Ring.Owners(n) {
		add(id)
	}
	if c.view.Next != c.view.Ring {
		for _, id := range c.view.Next.Owners(n) {
			add(id)
		}
	}
	for _, h := range c.parts[local].holders {
		add(h.id)
	}
	return dst
}
