package cluster

import "github.com/sipring/sipring/proxy/config"

// A member that starts with a set in which there is nobody else begins the cluster, and holds all there is: nothing. If
// the set is an old one, others hold it. The next set, or the first meeting, shows that.

// strangersServe reports whether another serves that has never met this process, so that what it has was not asked of
// this one: it is published as active, or says as they meet that it is synced. Whoever has come since this process began
// was met before it was either.
func (c *Core) strangersServe() bool {
	for _, m := range c.view.Members {
		switch {
		case m.ID == c.cfg.Self || m.CameBack:
		case m.Liveness == Up:
			if p := c.peers.find(m.ID); m.Synced && (p == nil || p.incarnation != m.Incarnation) {
				return true
			}
		case m.Incarnation == 0 && m.State != config.Joining:
			return true
		}
	}
	return false
}

// doubtFirst takes back what was concluded without anybody else.
func (y *syncer) doubtFirst() {
	for local := range int32(y.partitions.len()) {
		if p := y.partitions.at(local); p.first && p.holding.serves() {
			y.begin(local, y.partitions.becomeDemoted)
		}
	}
}
