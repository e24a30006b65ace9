package peer

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
)

// fakeClock is clocks that a test sets, ms.
type fakeClock struct{ wall, mono, slept atomic.Int64 }

func (f *fakeClock) start() *clock {
	return startClock(func() (int64, int64) { return f.wall.Load(), f.mono.Load() }, f.slept.Load)
}

// pass lets time pass in each of the clocks.
func (f *fakeClock) pass(wall, mono, slept int64) {
	f.wall.Add(wall)
	f.mono.Add(mono)
	f.slept.Add(slept)
}

func TestClockTellsOfStops(t *testing.T) {
	const hour = 3_600_000
	type want struct {
		Passed int64
		Stops  uint64
	}
	tests := map[string]struct {
		happens func(f *fakeClock, c *clock)
		want    want
	}{
		"time passes":              {func(f *fakeClock, _ *clock) { f.pass(5000, 5000, 0) }, want{5000, 0}},
		"the machine is suspended": {func(f *fakeClock, _ *clock) { f.pass(hour, 0, hour) }, want{hour, 1}},
		"suspended twice": {func(f *fakeClock, c *clock) {
			f.pass(hour, 10, hour)
			c.now()
			f.pass(hour, 10, hour)
		}, want{2*hour + 20, 2}},
		"paused, and all clocks with it, until the wall clock is set right": {func(f *fakeClock, _ *clock) { f.pass(hour, 10, 0) }, want{10, 1}},
		"the wall clock is set back":                                        {func(f *fakeClock, _ *clock) { f.pass(-hour, 10, 0) }, want{10, 0}},
		"set back, then suspended": {func(f *fakeClock, c *clock) {
			f.pass(-hour, 10, 0)
			c.now()
			f.pass(5000, 0, 5000)
		}, want{5010, 1}},
		"the wall clock is slewed": {func(f *fakeClock, c *clock) {
			for range 1000 {
				f.pass(303, 300, 0)
				c.follow()
			}
		}, want{300_000, 0}},
		"less than a peer takes for death": {func(f *fakeClock, _ *clock) { f.pass(300, 10, 0) }, want{10, 0}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fakeClock{}
			f.pass(1_767_225_600_000, 7, 999)
			c := f.start()
			began := c.now()
			tt.happens(f, c)
			if got := (want{c.now() - began, c.stops.Load()}); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
			if c.now(); c.stops.Load() != tt.want.Stops {
				t.Error("one stop is told twice")
			}
		})
	}
}

// TestMachineClock: what the process really reads agrees with the wall clock.
func TestMachineClock(t *testing.T) {
	c := newClock()
	before := time.Now().UnixMilli()
	if now := c.now(); now < before-maxSkew || now > time.Now().UnixMilli()+maxSkew {
		t.Errorf("now is %d, by the wall clock %d", now, before)
	}
	if slept := sleptSinceBoot(); slept < 0 {
		t.Errorf("the machine has slept for %d ms", slept)
	}
}

// TestSuspendedMemberAsksBeforeItServes: as its machine goes on, by whichever
// clock that shows, every core asks the peers, and then serves.
func TestSuspendedMemberAsksBeforeItServes(t *testing.T) {
	for name, slept := range map[string]int64{"a suspended machine": 10_000, "a paused one whose wall clock was set right": 0} {
		t.Run(name, func(t *testing.T) {
			c := newTrial(t, 3)
			began := time.Now()
			var ahead, sleptFor atomic.Int64
			cfg := c.config(1)
			cfg.clock = startClock(func() (int64, int64) {
				mono := time.Since(began).Milliseconds()
				return began.UnixMilli() + mono + ahead.Load(), mono
			}, sleptFor.Load)
			n := c.startWith(cfg)
			c.start(2)
			c.start(3)
			c.settled()
			bound := bind(c, 20)
			before := n.cores.stats().Stalls
			sleptFor.Store(slept)
			ahead.Store(10_000)
			for aor, contact := range bound {
				core := n.cores.of(n.View(), []byte(aor))
				core.mu.Lock()
				asked := core.m.Stats().Stalls
				core.mu.Unlock()
				if result, contacts := c.lookup(1, aor); result != cluster.Found || len(contacts) != 1 || contacts[0] != contact {
					t.Errorf("%s: %v %q", aor, result, contacts)
				}
				core.mu.Lock()
				if asked == 0 && core.m.Stats().Stalls == 0 {
					t.Errorf("%s was answered before the peers were asked", aor)
				}
				core.mu.Unlock()
			}
			until(t, "every core asks", func() bool { return n.cores.stats().Stalls >= before+cluster.Cores })
			c.settled()
			if s := fmt.Sprint(suspectsOf(n)); s != "[]" {
				t.Errorf("suspects %s", s)
			}
		})
	}
}
