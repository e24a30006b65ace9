package peer

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/proxy/cluster"
)

// metrics are what is counted and shown where it happens. Safe for concurrent use,
// without a lock; what is counted is rare, or a fault.
type metrics struct {
	epoch, ring              prometheus.Gauge
	up, down, unknown        prometheus.Gauge // of one vector
	losses, failovers, stuck prometheus.Counter
	lossToRing               prometheus.Histogram
	refused                  prometheus.Counter // connections
	unreadable, queueFull    prometheus.Counter // frames, of one vector
	setsRefused              prometheus.Counter

	all []prometheus.Collector
}

// SetsRefusedOpts are those of the counter of member sets of the source that were
// not believed. A Node has that of peers.
func SetsRefusedOpts(source string) prometheus.CounterOpts {
	return prometheus.CounterOpts{
		Name: "sipring_proxy_member_sets_refused_total", Help: "Member sets that were not believed: unsigned, or more than a peer may say.",
		ConstLabels: prometheus.Labels{"source": source},
	}
}

func newMetrics() *metrics {
	m := &metrics{}
	m.epoch = m.gauge("ring_epoch", "Epoch of the member set in force.")
	m.ring = m.gauge("ring_members", "Members of the effective ring.")
	peers := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + "peers", Help: "Other members, by what this one knows of them."}, []string{"state"})
	m.up, m.down, m.unknown = peers.WithLabelValues(cluster.Up.String()), peers.WithLabelValues(cluster.Down.String()), peers.WithLabelValues(cluster.Unknown.String())
	m.losses = m.counter("peer_losses_total", "Members seen to go down.")
	m.failovers = m.counter("failovers_total", "Members whose loss changed the effective ring.")
	m.stuck = m.counter("stuck_total", "Times at which this process made no steps and let others take over.")
	m.lossToRing = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: prefix + "peer_loss_to_ring_seconds", Help: "From the end of a stream to the ring without its member.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	})
	m.refused = m.counter("peer_handshakes_refused_total", "Connections that did not prove to be a member.")
	frames := prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + "peer_frames_dropped_total", Help: "Frames between members that were dropped."}, []string{"reason"})
	m.unreadable, m.queueFull = frames.WithLabelValues("unreadable"), frames.WithLabelValues("queue_full")
	m.setsRefused = prometheus.NewCounter(SetsRefusedOpts("peer"))
	m.all = append(m.all, peers, m.lossToRing, frames, m.setsRefused)
	return m
}

const prefix = "sipring_proxy_"

func (m *metrics) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + name, Help: help})
	m.all = append(m.all, g)
	return g
}

func (m *metrics) counter(name, help string) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help})
	m.all = append(m.all, c)
	return c
}

// view shows the one in force.
func (m *metrics) view(v *cluster.View) {
	m.epoch.Set(float64(v.Epoch))
	m.ring.Set(float64(len(v.Ring.Members())))
	counts := map[cluster.Liveness]int{}
	for _, o := range v.Members {
		if o.ID != v.Self {
			counts[o.Liveness]++
		}
	}
	m.up.Set(float64(counts[cluster.Up]))
	m.down.Set(float64(counts[cluster.Down]))
	m.unknown.Set(float64(counts[cluster.Unknown]))
}

// register shows all of them, and what the machines count, in a registry; nil
// shows them nowhere. On an error none is left there.
func (m *metrics) register(in prometheus.Registerer, machines *machineMetrics) error {
	if in == nil {
		return nil
	}
	var done []prometheus.Collector
	for _, c := range append(m.all, machines) {
		if err := in.Register(c); err != nil {
			for _, d := range done {
				in.Unregister(d)
			}
			return fmt.Errorf("register metrics: %w", err)
		}
		done = append(done, c)
	}
	return nil
}
