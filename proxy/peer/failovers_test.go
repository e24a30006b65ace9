package peer

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sipring/sipring/proxy/config"
)

// TestFailoverIsReported by each that survives it: who was lost, why, when, in what
// time, and with how many bindings for the reporter.
func TestFailoverIsReported(t *testing.T) {
	c := newTrial(t, 3)
	c.startAll()
	bind(c, 60)
	home := c.nodes[3].cores.stats().HomeBindings
	for id, n := range c.nodes {
		if r := n.Report(); len(r.Failovers) > 0 {
			t.Errorf("member %d saw %+v, and nobody was lost", id, r.Failovers)
		}
	}
	began := time.Now()
	c.kill(3)
	moved := int64(0)
	for id, n := range c.nodes {
		until(t, fmt.Sprintf("member %d reports it", id), func() bool { return len(n.Report().Failovers) == 1 })
		got := n.Report().Failovers[0]
		want := config.Failover{Member: "ring-2", Cause: config.LossProcessEnded}
		if d := cmp.Diff(want, got, cmpopts.IgnoreFields(config.Failover{}, "At", "Rehomed", "Milliseconds")); d != "" {
			t.Errorf("member %d (-want +got):\n%s", id, d)
		}
		if at := time.UnixMilli(got.At); at.Before(began.Add(-time.Millisecond)) || at.After(time.Now()) || got.Milliseconds > time.Since(began).Milliseconds() {
			t.Errorf("member %d: at %v, after %d ms; it was killed at %v", id, at, got.Milliseconds, began)
		}
		moved += got.Rehomed
	}
	if moved != int64(home) || home == 0 {
		t.Errorf("%d bindings re-homed, of %d", moved, home)
	}
	until(t, "nothing lacks a copy", func() bool { return c.nodes[1].Report().UnderReplicated+c.nodes[2].Report().UnderReplicated == 0 })
}

// TestLeavingIsNoFailover: the end of a member that had left the ring in order is
// none, neither at once nor when the ring next changes.
func TestLeavingIsNoFailover(t *testing.T) {
	c := newTrial(t, 3)
	c.startAll()
	if err := c.nodes[2].Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.kill(2)
	until(t, "its end is noticed", func() bool { return counted(t, c.nodes[3].metrics.losses) == 1 })
	c.kill(1)
	until(t, "a failover", func() bool { return len(c.nodes[3].Report().Failovers) > 0 })
	if got := c.nodes[3].Report().Failovers; len(got) != 1 || got[0].Member != "ring-0" {
		t.Errorf("failovers of one loss: %+v", got)
	}
	if n := counted(t, c.nodes[3].metrics.failovers); n != 1 {
		t.Errorf("%d failovers counted of one loss", n)
	}
}

// TestLosses: what is a failover, by who is lost and which rings there were.
func TestLosses(t *testing.T) {
	type ids = []uint32
	links := map[uint32]*link{}
	for id := uint32(1); id <= 3; id++ {
		links[id] = &link{id: id}
	}
	tests := map[string]struct {
		down, up    ids // the latter are up again
		before, now ids
		gone, kept  ids
	}{
		"one of the ring":              {down: ids{2}, before: ids{1, 2, 3}, now: ids{1, 3}, gone: ids{2}},
		"two of the ring":              {down: ids{3, 2}, before: ids{1, 2, 3}, now: ids{1}, gone: ids{3, 2}},
		"the ring follows later":       {down: ids{2}, before: ids{1, 2}, now: ids{1, 2, 3}, kept: ids{2}},
		"one that had left":            {down: ids{2}, before: ids{1, 3}, now: ids{1}},
		"one that is up again":         {down: ids{2}, up: ids{2}, before: ids{1, 2, 3}, now: ids{1, 3}},
		"one that went down twice":     {down: ids{2, 2}, before: ids{1, 2}, now: ids{1}, gone: ids{2}},
		"one that left, and one later": {down: ids{2, 3}, before: ids{1, 3}, now: ids{1}, gone: ids{3}},
	}
	of := func(all []loss) (out ids) {
		for _, one := range all {
			out = append(out, one.id)
		}
		return out
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var ls losses
			for _, id := range tt.down {
				ls.begin(links[id], errSilence)
			}
			for _, id := range tt.up {
				ls.end(id)
			}
			if d := cmp.Diff(tt.gone, of(ls.take(tt.before, tt.now))); d != "" {
				t.Errorf("failovers (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tt.kept, of(ls)); d != "" {
				t.Errorf("kept (-want +got):\n%s", d)
			}
		})
	}
}

func TestLossCauses(t *testing.T) {
	for want, err := range map[config.LossCause]error{
		config.LossProcessEnded: fmt.Errorf("dial: %w", syscall.ECONNREFUSED),
		config.LossMoved:        errMoved,
		config.LossUnreachable:  errors.Join(errSilence),
	} {
		if got := lossCause(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

// TestNewestFailoversAreKept, and no list that was handed out changes.
func TestNewestFailoversAreKept(t *testing.T) {
	var f failovers
	f.add(config.Failover{At: 1})
	first := f.list()
	for at := int64(2); at <= config.MaxFailovers+2; at++ {
		f.add(config.Failover{At: at})
	}
	if got := f.list(); len(got) != config.MaxFailovers || got[0].At != config.MaxFailovers+2 || got[config.MaxFailovers-1].At != 3 {
		t.Errorf("%+v", got)
	}
	if len(first) != 1 || first[0].At != 1 {
		t.Errorf("what was handed out is %+v now", first)
	}
}
