package peer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A process whose pings come but one of whose cores hangs answers 503 for that
// core's share, and its peers wait for it, for ever. So who is pinged is who
// serves: the loop visits every core in each of its rounds, and a process in
// which no round is completed ends its streams with the word that it is away. It
// takes no streams and no operations until rounds are completed again. Its peers
// count it as dead meanwhile.
const (
	// stuckAfter is how long no round may be completed. A look at that which comes
	// late counts for two at most: a process that as a whole got no CPU is not stuck.
	stuckAfter = silence
	// soundLooks is at how many looks in a row rounds must have been completed
	// before a process that was stuck serves again.
	soundLooks = 3
)

var (
	// errAway: a process said of itself that it cannot serve.
	errAway = errors.New("its cores make no steps")
	errBack = errors.New("this process was away")
)

// soundness is whether the cores of this process make steps.
type soundness struct {
	rounds atomic.Uint64 // of the loop, completed
	stuck  atomic.Bool

	mu    sync.Mutex
	sound chan struct{} // closed as the process is sound again; nil while it is
}

// guard looks whether rounds are completed, until the context ends.
func (n *Node) guard(ctx context.Context) {
	t := time.NewTimer(untilNext(restInterval))
	defer t.Stop()
	v := newVigil(time.Now())
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			t.Reset(untilNext(restInterval))
			switch v.look(now, n.rounds.Load()) {
			case isStuck:
				n.stepAside()
			case isSound:
				n.comeBack()
			}
		}
	}
}

// vigil judges by the rounds that are completed, looked at every restInterval.
type vigil struct {
	pulse
	looks int // in a row at which all was well
}

type verdict uint8

const (
	isUnclear verdict = iota
	isStuck
	isSound
)

func newVigil(now time.Time) *vigil { return &vigil{pulse: pulse{lastRead: now, lastLook: now}} }

func (v *vigil) look(now time.Time, rounds uint64) verdict {
	v.looks++
	quiet := v.quiet(now, int64(rounds), restInterval)
	if quiet > stuckAfter/2 {
		v.looks = 0
	}
	switch {
	case quiet > stuckAfter:
		return isStuck
	case v.looks >= soundLooks:
		return isSound
	}
	return isUnclear
}

// stepAside lets others serve. It must not wait for a core, nor for mu, which
// waits for cores. What the sound cores hold may be superseded from here on, so
// they stop first.
func (n *Node) stepAside() {
	if n.stuck.Load() {
		return
	}
	n.soundness.mu.Lock()
	n.sound = make(chan struct{})
	n.soundness.mu.Unlock()
	n.stuck.Store(true)
	n.counters.stuck.Add(1)
	n.events.add(Event{Kind: EventStuck, Epoch: n.epoch(), Detail: n.where()})
	n.log.Error("this process makes no steps: others take over", "where", n.where())
	for _, l := range *n.links.Load() {
		if s := l.stream(); s != nil {
			s.part(kindAway, errAway)
		}
	}
}

// where is what hangs, as far as a look tells: whatever is locked.
func (n *Node) where() string {
	var locked []string
	for i := range n.cores {
		if !n.cores[i].mu.TryLock() {
			locked = append(locked, fmt.Sprint("core ", i))
			continue
		}
		n.cores[i].mu.Unlock()
	}
	if len(locked) == 0 {
		return "membership"
	}
	return strings.Join(locked, ", ")
}

// comeBack serves again. Every core first asks whether it is counted in.
func (n *Node) comeBack() {
	if !n.stuck.Load() {
		return
	}
	n.clock.stops.Add(1)
	n.stuck.Store(false)
	n.soundness.mu.Lock()
	close(n.sound)
	n.sound = nil
	n.soundness.mu.Unlock()
	n.events.add(Event{Kind: EventSound, Epoch: n.epoch()})
	n.log.Warn("this process makes steps again")
}

// whenSound waits while the process is stuck, or until the context ends, and
// reports whether there was anything to wait for.
func (n *Node) whenSound(ctx context.Context) (waited bool) {
	for n.stuck.Load() {
		n.soundness.mu.Lock()
		sound := n.sound
		n.soundness.mu.Unlock()
		if sound == nil {
			continue // between the two words of comeBack
		}
		waited = true
		select {
		case <-sound:
		case <-ctx.Done():
			return true
		}
	}
	return waited
}

// Live reports whether this process makes steps; if not, where it hangs. A
// process that does not for long is to be started anew.
func (n *Node) Live() (bool, string) {
	if n.stuck.Load() {
		return false, "no steps: " + n.where()
	}
	return true, ""
}
