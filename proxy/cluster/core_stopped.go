package cluster

// Stopped says that this process may have been stopped, or given up by its peers, though the times of the steps do not
// show it. The core serves again when every peer has confirmed that it still counts this member in. What it has to say
// leaves with the next step.
func (c *Core) Stopped() {
	if len(c.peers) > 0 {
		c.stats.Stalls++
		c.announcements.askAll()
	}
}
