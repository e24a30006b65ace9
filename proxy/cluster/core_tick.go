package cluster

// Busy reports whether something is under way that Tick moves on. If not, all that Tick does is to expire and to
// compare, pass by pass: then it may come at longer intervals, up to a second, without being late for anything.
func (c *Core) Busy() bool {
	return c.announcements.asked() || c.partitions.count(leaving) > 0 || c.lookout.busy() ||
		c.operations.pending()+c.syncer.pending()+c.repairer.pending()+c.comparer.pending() > 0
}

// Tick is to be called every 10 to 20 ms while the core is Busy: timeouts, hedged reads, expiry, repair.
func (c *Core) Tick(now int64, e *Effects) {
	c.at(now)
	if c.view == nil {
		return
	}
	c.budget.short()
	c.operations.tick(e)
	c.sweeper.tick()
	c.lookout.tick(e)
	c.comparer.sendDue(e)
	c.advance(e)
	c.finish(e)
}

// advance moves every fill, repair and departure on as far as it goes.
func (c *Core) advance(e *Effects) {
	if c.view == nil {
		return
	}
	noted := c.peers.noted()
	c.syncer.advance(noted)
	c.handover.advance(noted)
	c.repairer.advance()
	c.snapshots.send(e)
}
