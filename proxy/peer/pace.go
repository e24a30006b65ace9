package peer

import (
	"context"
	"sync/atomic"
	"time"
)

// tickInterval is how often timeouts inside the state machines are looked at
// while something is under way, restInterval while nothing is: then only expiry
// and comparison are left, which catch up. Waking up is most of what an idle
// member costs.
const (
	tickInterval = 10 * time.Millisecond
	restInterval = 2 * heartbeat
)

// pace is how often time passes in the state machines: one goroutine runs its
// loop, anybody may stir it or report progress. Both are a load or a send that
// never waits, so they cost the hot path no lock.
type pace struct {
	resting  atomic.Bool   // the loop ticks at restInterval
	stirred  chan struct{} // capacity 1: it is to tick at tickInterval
	progress chan struct{} // capacity 1: what the cores hold has changed
	rounds   atomic.Uint64 // of the loop, completed
}

func newPace() *pace {
	return &pace{stirred: make(chan struct{}, 1), progress: make(chan struct{}, 1)}
}

// loop calls tick, and report after progress, until the context ends. After each
// tick it rests, unless something was under way in it or begins later.
func (p *pace) loop(ctx context.Context, tick, report func()) {
	t := time.NewTimer(tickInterval)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.progress:
			report()
		case <-p.stirred:
			t.Reset(tickInterval)
		case <-t.C:
			p.resting.Store(true) // before the cores are looked at: what begins behind the look stirs
			tick()
			p.rounds.Add(1)
			t.Reset(untilNext(restInterval))
		}
	}
}

// stir has the loop tick at tickInterval. It costs a load while it does.
func (p *pace) stir() {
	if p.resting.Load() && p.resting.CompareAndSwap(true, false) {
		wake(p.stirred)
	}
}

// progressed has the loop report.
func (p *pace) progressed() { wake(p.progress) }
