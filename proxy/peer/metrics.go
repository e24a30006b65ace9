package peer

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/metric"
	"github.com/sipring/sipring/proxy/cluster"
)

// metrics are what is counted and shown where it happens, and the collector of
// that. Safe for concurrent use, without a lock; what is counted is rare, or a fault.
type metrics struct {
	*metric.Set
	epoch, ring              prometheus.Gauge
	peers                    []prometheus.Gauge // by liveness
	losses, failovers, stuck metric.Counter
	rehomed                  metric.Counter
	unconfirmed              prometheus.Gauge
	lossToRing, lossToWhole  prometheus.Histogram
	lastFailover, clockSkew  prometheus.Gauge
	unproved, outOfTurn      metric.Counter // connections
	acceptFailed             metric.Counter
	unreadable, queueFull    metric.Counter // frames
	setsRefused              metric.Counter
}

func newMetrics() *metrics {
	s := metric.NewSet("sipring_proxy_")
	m := &metrics{
		Set:         s,
		epoch:       s.Gauge("ring_epoch", "Epoch of the member set in force."),
		ring:        s.Gauge("ring_members", "Members of the effective ring."),
		losses:      s.Counter("peer_losses_total", "Members seen to go down."),
		failovers:   s.Counter("failovers_total", "Members whose loss changed the effective ring, as far as it is confirmed that not this member was cut off."),
		rehomed:     s.Counter("rehomed_bindings_total", "Bindings whose home became this member because another was lost, confirmed likewise."),
		unconfirmed: s.Gauge("unconfirmed_losses", "Members out of the effective ring of which it is not confirmed that they are lost: this member may be cut off."),
		stuck:       s.Counter("stuck_total", "Times at which this process made no steps and let others take over."),
		lossToRing: s.Histogram("peer_loss_to_ring_seconds", "From when a member was last heard to the ring without it.",
			.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 1.5, 2.5, 5),
		lossToWhole: s.Histogram("redundancy_restored_seconds", "From when a lost member was last heard until all bindings this member is home of have their copies again.",
			.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60),
		lastFailover: s.Gauge("last_failover_timestamp_seconds", "When the loss of a member last changed the effective ring, as seconds since 1970; 0 if it never did."),
		clockSkew:    s.Gauge("peer_clock_skew_seconds", "By how much the wall clock of another member differs from this one's, at most of those that are up."),
		setsRefused:  s.Counter("member_sets_refused_total", "Member sets that were not believed: unsigned, or more than a peer may say.", "source", "peer"),
	}
	livenesses := metric.Label{Name: "state"}
	for _, l := range [...]cluster.Liveness{cluster.Unknown, cluster.Up, cluster.Down} {
		livenesses.Values = append(livenesses.Values, l.String())
	}
	m.peers = s.Gauges("peers", "Other members, by what this one knows of them.", livenesses)
	refused := s.Counters("peer_handshakes_refused_total", "Connections from other members, or that claimed to be, which are not used.",
		metric.Label{Name: "reason", Values: []string{"unproved", "out_of_turn", "accept_failed"}})
	m.unproved, m.outOfTurn, m.acceptFailed = refused[0], refused[1], refused[2]
	frames := s.Counters("peer_frames_dropped_total", "Frames between members that were dropped.", metric.Label{Name: "reason", Values: []string{"unreadable", "queue_full"}})
	m.unreadable, m.queueFull = frames[0], frames[1]
	return m
}

// view shows the one in force.
func (m *metrics) view(v *cluster.View) {
	m.epoch.Set(float64(v.Epoch))
	m.ring.Set(float64(len(v.Ring.Members())))
	counts := make([]int, len(m.peers))
	for _, o := range v.Members {
		if o.ID != v.Self {
			counts[o.Liveness]++
		}
	}
	for liveness, n := range counts {
		m.peers[liveness].Set(float64(n))
	}
}

// register shows all of them, and what the machines count, in a registry; nil
// shows them nowhere. On an error none is left there.
//
// The machines do no I/O and know no library, and a core counts on the hot path
// under its own lock, in plain numbers on cache lines of its own: one counter for all
// cores would be fought over with each operation. So these are summed up when they
// are asked for.
func (m *metrics) register(in prometheus.Registerer, cores *cores, locator *locator) error {
	if in == nil {
		return nil
	}
	metric.Fields(m.Set, cores.stats)
	metric.Fields(m.Set, locator.stats)
	if err := in.Register(m.Set); err != nil {
		return fmt.Errorf("register metrics: %w", err)
	}
	return nil
}
