package peer

import (
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
)

// counters of what happened between members.
type counters struct {
	refused, badFrames, queueFull, peerLosses, failovers, stuck, setsRefused atomic.Uint64
	lossToRing                                                               durations
}

// Counters is a snapshot of what happened between members since the start.
type Counters struct {
	// HandshakesRefused counts connections that did not prove to be a peer.
	HandshakesRefused uint64
	// BadFrames counts frames that could not be read.
	BadFrames uint64
	// QueueFull counts frames dropped because a peer reads too slowly.
	QueueFull uint64
	// PeerLosses counts members seen to go down; Failovers those of them that
	// changed the effective ring.
	PeerLosses, Failovers uint64
	// TakenForDead counts how often a peer took this process for dead while it
	// lived and reached the peer.
	TakenForDead uint64
	// Stuck counts the times at which this process made no steps.
	Stuck uint64
	// SetsIgnored counts member sets that were older or contradicted.
	SetsIgnored uint64
	// SetsRefused counts member sets of peers that were not believed.
	SetsRefused uint64
	// LossToRing is the time from the end of a stream to the ring without it.
	LossToRing Histogram
}

// Counters returns the counts so far.
func (n *Node) Counters() Counters {
	ignored, accused := n.membership.counts()
	return Counters{
		HandshakesRefused: n.counters.refused.Load(), BadFrames: n.counters.badFrames.Load(), QueueFull: n.counters.queueFull.Load(),
		PeerLosses: n.counters.peerLosses.Load(), Failovers: n.counters.failovers.Load(),
		TakenForDead: accused, Stuck: n.counters.stuck.Load(), SetsIgnored: ignored, SetsRefused: n.counters.setsRefused.Load(), LossToRing: n.counters.lossToRing.snapshot(),
	}
}

// Stats sums the counts of the cores.
func (n *Node) Stats() cluster.Stats { return n.cores.stats() }

// Locates counts what was asked for contacts.
func (n *Node) Locates() cluster.LocateStats { return n.locator.stats() }

// bounds of the histogram, in seconds.
var bounds = [...]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}

// Histogram is a cumulative histogram as Prometheus wants it.
type Histogram struct {
	Count uint64
	Sum   float64 // seconds
	// Buckets: upper bound in seconds to the count of what was at most that.
	Buckets map[float64]uint64
}

type durations struct {
	counts [len(bounds) + 1]atomic.Uint64
	micros atomic.Int64
}

func (d *durations) observe(t time.Duration) {
	i := 0
	for i < len(bounds) && t.Seconds() > bounds[i] {
		i++
	}
	d.counts[i].Add(1)
	d.micros.Add(t.Microseconds())
}

func (d *durations) snapshot() Histogram {
	h := Histogram{Sum: float64(d.micros.Load()) / 1e6, Buckets: make(map[float64]uint64, len(bounds))}
	for i := range d.counts {
		h.Count += d.counts[i].Load()
		if i < len(bounds) {
			h.Buckets[bounds[i]] = h.Count
		}
	}
	return h
}
