package command

import (
	"os"
	"runtime"
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sipring/sipring/metric"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/memberset"
	"github.com/sipring/sipring/proxy/peer"
)

// metrics are those of the process and of what it follows: the others are the
// server's and the node's.
type metrics struct {
	registry *prometheus.Registry
	keys     keyGauge
}

func newMetrics(p *proxy) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.keys.of = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "sipring_proxy_keys", Help: "Cluster keys in force: the one that signs, and those that only verify.",
	}, []string{"id", "use"})
	s := metric.NewSet("sipring_proxy_")
	s.Info("build_info", "What runs: 1.", "version", version(), "goversion", runtime.Version())
	s.GaugeFunc("config_unknown_fields", "Fields of the configuration in force that this version does not know.", func() float64 {
		if c := p.config.Load(); c != nil {
			return float64(len(c.Unknown))
		}
		return 0
	})
	s.GaugeFunc("ready", "1 if the proxy holds what it owns.", func() float64 {
		if ready, _ := (backend{p}).Ready(); ready {
			return 1
		}
		return 0
	})
	s.GaugeFunc("memory_limit_bytes", "Memory that the control group of this process may take; 0 without bound.", func() float64 {
		limit, _ := cgroupMemory(os.DirFS("/"))
		return float64(limit)
	})
	m.registry.MustRegister(s, m.keys.of, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// showSource shows what became of member sets, once there is a node, and of the
// Lease if there is one. The source counts itself, and so does the node what its peers
// bring; one count is of both.
func (m *metrics) showSource(p *proxy, n *peer.Node) {
	s := metric.NewSet("sipring_proxy_")
	metric.Fields(s, func() memberset.Counters {
		c, ignored := p.source.Counters(), n.SetsIgnored()
		c.Older, c.Conflicting = c.Older+ignored.Older, c.Conflicting+ignored.Conflicting
		return c
	})
	metric.Fields(s, func() memberset.LeaseCounters {
		if p.lease == nil {
			return memberset.LeaseCounters{}
		}
		return p.lease.Counters()
	})
	m.registry.MustRegister(s)
}

// keyGauge shows the keys in force. Safe for concurrent use.
type keyGauge struct {
	of *prometheus.GaugeVec

	mu    sync.Mutex
	shown map[[2]string]bool // by id and use
}

// show replaces what is shown. The new ones are there before the old ones go: none
// that is in force is ever missing.
func (g *keyGauge) show(keys *config.Keys) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := map[[2]string]bool{}
	for i, id := range keyIDs(keys) {
		labels := [2]string{strconv.Itoa(int(id)), []string{"sign", "verify"}[min(i, 1)]}
		g.of.WithLabelValues(labels[:]...).Set(1)
		now[labels] = true
	}
	for labels := range g.shown {
		if !now[labels] {
			g.of.DeleteLabelValues(labels[:]...)
		}
	}
	g.shown = now
}
