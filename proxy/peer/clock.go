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

// now is the clock of the state machines: milliseconds since 1970 that do not
// jump while the process lives.
func (n *Node) now() int64 { return n.startedUnix + time.Since(n.started).Milliseconds() }

// loop is the clock of the state machines. After each tick it rests, unless
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
			t.Reset(untilNext(restInterval))
		}
	}
}

// tick lets time pass in the state machines.
func (n *Node) tick() {
	n.step(func(c *core, e *cluster.Effects) { c.m.Tick(n.now(), e) })
	n.tickLocator()
	n.mu.Lock()
	defer n.mu.Unlock()
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
