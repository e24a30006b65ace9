package command

import (
	"context"
	"time"

	"github.com/sipring/sipring/proxy/ring"
)

// epochInterval is how often the proxy looks which epoch it has in force, and
// whether its sources fell behind that.
const epochInterval = time.Second

// epochLease is where the epoch is said.
type epochLease interface {
	Applied(epoch uint64, seed ring.Seed)
	Again()
}

// keepEpoch tells the epoch and the seed of the member set in force until ctx ends.
// The operator publishes above it, also after it has lost or was given back what it
// published.
// A set older than ours is how that shows here: then the Lease may be an older
// one too.
func (p *proxy) keepEpoch(ctx context.Context, lease epochLease) {
	tick := time.NewTicker(epochInterval)
	defer tick.Stop()
	older := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		lease.Applied(p.inForce())
		if n := p.source.Counters().Older; n != older {
			older = n
			lease.Again()
		}
	}
}

// inForce is the epoch and the ring's seed of the member set in force; 0 before
// there is one.
func (p *proxy) inForce() (uint64, ring.Seed) {
	if node := p.node.Load(); node != nil {
		if v := node.View(); v != nil {
			return v.Set.Epoch, v.Set.Ring.Seed
		}
	}
	return 0, ring.Seed{}
}
