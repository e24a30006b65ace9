package cluster

// missed takes a peer's word that it may have acknowledged updates of a partition without this member. What is held is
// fetched anew, from that peer if it serves, because another may not have been told yet. Where each took the other for
// dead, as when the network was parted, neither knows better: both serve on, and compare.
func (c *Core) missed(p *peer, local int32) {
	part := c.partitions.at(local)
	m, _ := c.view.Member(p.id)
	switch {
	case part.holding == filling:
		c.restart(part.fill)
		c.partitions.announce(local)
	case part.holding.serves() && m.CameBack:
		c.addRepair(local, p.id)
		return
	case part.holding.serves():
		c.fill(local, c.partitions.becomeFillingAgain)
	default:
		return
	}
	part.fill.prefer = p.id
}
