package cluster

import (
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
		c.partitions.init()
		c.store = location.NewStore(c.partitions.len())
	}
	if old != nil && len(old.Suspects) > 0 {
		c.budget.untold()
	}
	if old != nil && old.Accused != v.Accused {
		c.announcements.askAll()
	}
	if c.strangersServe() {
		c.syncer.doubtFirst()
	}
	c.meet()
	c.own()
	c.lookout.start()
	if old != nil {
		c.stats.Rehomed += uint64(c.partitions.rehomed(old))
	}
	c.operations.reconsider(e)
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
		if c.announcements.owes(p) {
			c.partitions.standAlone() // it went without a word on whether it counted us in
		}
		c.absences.begin(p)
		c.partitions.forgetHolder(p.id)
		c.unask(p)
		return true
	})
	c.absences.follow(c.view)
	for _, m := range c.view.Members {
		if m.ID == c.cfg.Self || m.Liveness != Up {
			continue
		}
		p := c.peers.find(m.ID)
		switch {
		case p == nil:
			p = c.peers.add(m.ID)
		case p.link == m.Link:
			continue
		case p.incarnation != m.Incarnation:
			c.partitions.forgetHolder(m.ID)
			c.operations.forgetCopies(m.ID)
		}
		p.met(m)
		c.unask(p)
		if c.syncer.doubts() {
			c.announcements.askAll() // until it has said whether it may know better
		}
	}
}

// own compares what this member holds with what it should hold.
func (c *Core) own() {
	for local := range int32(c.partitions.len()) {
		p := c.partitions.at(local)
		switch owned := c.partitions.owned(local); {
		case owned && p.holding == none:
			c.syncer.start(local)
		case owned && p.holding == leaving:
			c.partitions.becomeHeld(local)
		case !owned && p.holding == filling && !p.kept:
			c.partitions.becomeUnfilled(local)
		case !owned && p.holding == held:
			c.partitions.becomeLeaving(local)
		}
	}
}

// unask forgets what the member was asked for: it is gone or its stream is a new one.
func (c *Core) unask(p *peer) {
	p.pulls.reset()
	up := c.view.Up(p.id)
	c.syncer.unask(p.id, up)
	c.repairer.unask(p.id, up)
}
