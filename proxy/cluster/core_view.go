package cluster

import (
	"cmp"
	"slices"

	"github.com/sipring/sipring/proxy/location"
)

// ViewChanged takes a new view. Views must come in order of Version.
func (c *Core) ViewChanged(now int64, v *View, e *Effects) {
	c.at(now)
	old := c.view
	if old != nil && v.Version <= old.Version {
		return
	}
	c.view = v
	if c.store == nil {
		local := (v.Ring.Partitions() - c.cfg.Index + c.cfg.Cores - 1) / c.cfg.Cores
		c.parts = make([]part, max(0, local))
		c.counts[none] = len(c.parts)
		c.store = location.NewStore(len(c.parts))
	}
	if old != nil && len(old.Suspects) > 0 {
		c.untold()
	}
	if old != nil && old.Accused != v.Accused {
		c.askAll()
	}
	c.meet()
	c.own(old)
	c.redirect(e)
	c.advance(e)
	c.finish(e)
	e.Changed = true
}

// meet brings c.peers in line with the view.
func (c *Core) meet() {
	c.peers = slices.DeleteFunc(c.peers, func(p *peer) bool {
		if c.view.Up(p.id) {
			return false
		}
		if c.unsure != 0 && p.noted < c.unsure {
			c.standAlone() // it went without a word on whether it counted us in
		}
		c.partedFrom(p)
		c.forgetHoldings(p.id)
		c.unask(p)
		return true
	})
	c.forgetAbsences()
	for _, m := range c.view.Members {
		if m.ID == c.cfg.Self || m.Liveness != Up {
			continue
		}
		p := c.peer(m.ID)
		switch {
		case p == nil:
			p = &peer{id: m.ID}
			c.peers = append(c.peers, p)
			slices.SortFunc(c.peers, func(a, b *peer) int { return cmp.Compare(a.id, b.id) })
		case p.link == m.Link:
			continue
		case p.incarnation != m.Incarnation:
			c.forgetHoldings(m.ID)
			c.forgetCopies(m.ID)
		}
		p.incarnation, p.link, p.noted = m.Incarnation, m.Link, 0
		p.fullDue, p.fullWant, p.room = true, true, location.RoomForAll
		c.unask(p)
		c.doubt()
	}
}

// forgetHoldings takes the member off the holders of every partition.
func (c *Core) forgetHoldings(id uint32) {
	for i := range c.parts {
		p := &c.parts[i]
		p.uncover(id)
		p.holders = slices.DeleteFunc(p.holders, func(h holder) bool { return h.id == id })
	}
}

// forgetCopies counts nothing as stored at a member that has begun anew.
func (c *Core) forgetCopies(id uint32) {
	c.ops.each(func(o *op) {
		if s := o.copyOf(id); s != nil {
			s.stored = false
		}
	})
}

// own compares what this member holds with what it should hold.
func (c *Core) own(old *View) {
	for i := range c.parts {
		p := &c.parts[i]
		n := c.global(int32(i))
		owned := c.view.Ring.IsOwner(n, c.cfg.Self) || c.view.Next.IsOwner(n, c.cfg.Self)
		switch {
		case owned && p.holding == none:
			c.startFill(int32(i))
		case owned && p.holding == leaving:
			c.set(int32(i), held)
		case !owned && p.holding == filling && !p.kept:
			p.strayAt = c.now
			c.set(int32(i), none)
		case !owned && p.holding == held:
			c.set(int32(i), leaving)
		}
		c.countRehomed(old, i, n)
	}
}

// countRehomed counts the bindings this member became home of because their home is gone.
func (c *Core) countRehomed(old *View, local, n int) {
	if old == nil || old.Ring == c.view.Ring {
		return
	}
	before, _ := old.Ring.Home(n)
	if home, _ := c.view.Ring.Home(n); home == c.cfg.Self && before != home && before != 0 && !c.view.Up(before) {
		c.stats.Rehomed += uint64(c.store.PartitionStats(local).Bindings)
	}
}

// standAlone marks what is held as concluded alone.
func (c *Core) standAlone() {
	for i := range c.parts {
		p := &c.parts[i]
		p.alone = p.alone || p.holding.serves()
	}
}

// doubt takes back what was concluded alone: a member that may know better is there.
func (c *Core) doubt() {
	for i := range c.parts {
		if p := &c.parts[i]; p.alone && p.holding.serves() {
			p.alone, p.kept, p.demoted = false, true, true
			c.demoted++
			c.startFill(int32(i))
		}
	}
	for _, i := range c.fills {
		if f := c.parts[i].fill; f.phase == fillFromAll {
			c.restart(f)
			c.reannounce(i)
		}
	}
}

// set changes what this member holds of a partition. It is announced at the end of the step.
func (c *Core) set(local int32, h holding) {
	p := &c.parts[local]
	if p.holding == h {
		return
	}
	c.counts[p.holding]--
	c.counts[h]++
	p.holding = h
	p.covered, p.fetches, p.coverAt = p.covered[:0], p.fetches[:0], 0
	if h != filling {
		p.fill, p.kept = nil, false
		if p.demoted {
			p.demoted = false
			c.demoted--
		}
	}
	c.reannounce(local)
}

// reannounce announces a partition at the end of the step, whether it changed or not.
func (c *Core) reannounce(local int32) {
	p := &c.parts[local]
	p.announced = c.sequence + 1
	if !p.listed {
		p.listed = true
		c.dirty = append(c.dirty, local)
	}
}
