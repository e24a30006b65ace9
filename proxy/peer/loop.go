package peer

import (
	"context"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
)

// tickInterval is how often timeouts inside the state machines are looked at
// while something is under way, restInterval while nothing is: then only expiry
// and comparison are left, which catch up. Waking up is most of what an idle
// member costs.
const (
	tickInterval = 10 * time.Millisecond
	restInterval = 2 * heartbeat
)

// now is the time of the state machines, in ms.
func (n *Node) now() int64 { return n.clock.now() }

// at is now for a step of the core, which learns of a stop that its time does
// not show; called with the core's lock held.
func (n *Node) at(c *core) int64 {
	now := n.clock.now()
	if stops := n.clock.stops.Load(); stops != c.stops {
		c.stops = stops
		c.m.Stopped()
	}
	return now
}

// loop lets time pass in the state machines. After each tick it rests, unless
// something was under way in it or begins later.
func (n *Node) loop(ctx context.Context) {
	t := time.NewTimer(tickInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.progress:
			n.reportProgress()
		case <-n.stirred:
			t.Reset(tickInterval)
		case <-t.C:
			n.resting.Store(true) // before the cores are looked at: what begins behind the look stirs
			n.tick()
			n.rounds.Add(1)
			t.Reset(untilNext(restInterval))
		}
	}
}

// tick lets time pass in the state machines.
func (n *Node) tick() {
	n.clock.follow()
	n.step(func(c *core, e *cluster.Effects) { c.m.Tick(n.at(c), e) })
	n.tickLocator()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.askAround(n.now())
	n.apply(n.membership.Tick(n.now()))
	if v := n.view.Load(); v != nil && v.Pending {
		n.stir()
	}
}

// stir has the loop tick at tickInterval. It costs a load while it does.
func (n *Node) stir() {
	if n.resting.Load() && n.resting.CompareAndSwap(true, false) {
		wake(n.stirred)
	}
}
