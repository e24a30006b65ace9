package controllers

import (
	"maps"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/metric"
)

// Metrics of the operator.
type Metrics struct {
	clusters       *metric.Objects
	members        *prometheus.GaugeVec
	apps           *prometheus.GaugeVec
	epoch          *prometheus.GaugeVec
	failovers      *prometheus.CounterVec
	lastFailover   *prometheus.GaugeVec
	beyond         *prometheus.CounterVec
	keysMade       *prometheus.GaugeVec
	keysExpiry     *prometheus.GaugeVec
	keysStalled    *prometheus.GaugeVec
	publishSeconds prometheus.Histogram
	updatesWaiting prometheus.Gauge
}

// memberStates and lossCauses are all values that the labels can have.
var (
	memberStates = []v1alpha1.MemberState{v1alpha1.MemberJoining, v1alpha1.MemberActive, v1alpha1.MemberDraining, v1alpha1.MemberEvicted}
	lossCauses   = slices.Sorted(maps.Keys(causes))
)

// NewMetrics registers the operator's metrics with the registerer.
func NewMetrics(in prometheus.Registerer) (*Metrics, error) {
	s := metric.NewSet("sipring_operator_")
	clusters := s.Objects("namespace", "cluster")
	m := &Metrics{
		clusters:     clusters,
		members:      clusters.Gauges("members", "Members of a SIPCluster by state.", metric.LabelOf("state", memberStates...)),
		apps:         clusters.Gauges("applications", "Members in the ring by whether the application beside them serves.", metric.LabelOf("state", applicationStates...)),
		epoch:        clusters.Gauges("epoch", "Epoch of the published member set."),
		failovers:    clusters.Counters("failovers_total", "Members that left the ring unasked, by cause.", metric.LabelOf("cause", lossCauses...)),
		lastFailover: clusters.Gauges("last_failover_timestamp_seconds", "When a member last left the ring unasked, as seconds since 1970; 0 if none did."),
		beyond:       clusters.Counters("losses_beyond_replicas_total", "Times at which as many members were lost at once as hold each binding: some may be gone."),
		keysMade:     clusters.Gauges("keys_created_timestamp_seconds", "When the key that signs was made, as seconds since 1970, by whose it is.", metric.LabelOf("keys", keysLabels...)),
		keysExpiry:   clusters.Gauges("keys_expiry_timestamp_seconds", "When the old keys of a rotation go, as seconds since 1970; 0 if none are to."),
		keysStalled:  clusters.Gauges("key_rotation_stalled", "1 while a rotation of keys waits in vain, for a proxy or for room."),
		publishSeconds: s.Histogram("publish_seconds", "Time from the news of a pod, node or report to the published member set.",
			.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10),
		updatesWaiting: s.Gauge("updates_waiting", "SIPClusters that wait for their turn to get what a newer operator changes in their pods."),
	}
	s.Info("build_info", "What runs: 1.", "version", version(), "goversion", runtime.Version())
	return m, in.Register(s)
}

// Version is set by the linker in release builds.
var Version string

// version is that, or what the module was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && Version == "" {
		return info.Main.Version
	}
	return Version
}

// lost counts the members that a published set has lost.
func (m *Metrics) lost(c *v1alpha1.SIPCluster, d *membership.Result) {
	lost := 0
	for _, change := range d.Changes {
		if change.Kind == membership.Lost {
			m.failovers.WithLabelValues(c.Namespace, c.Name, string(change.Cause)).Inc()
			lost++
		}
	}
	if lost > 0 {
		m.lastFailover.WithLabelValues(c.Namespace, c.Name).SetToCurrentTime()
	}
	if lost > 0 && lost >= d.Set.Ring.Replicas {
		m.beyond.WithLabelValues(c.Namespace, c.Name).Inc()
	}
}

// observe shows the decision of a pass.
func (m *Metrics) observe(c *v1alpha1.SIPCluster, d *membership.Result) {
	m.clusters.Begin(c.Namespace, c.Name)
	count := map[v1alpha1.MemberState]int{}
	for _, member := range d.Set.Members {
		count[memberState(member, d.Evicted)]++
	}
	for _, s := range memberStates {
		m.members.WithLabelValues(c.Namespace, c.Name, string(s)).Set(float64(count[s]))
	}
	m.epoch.WithLabelValues(c.Namespace, c.Name).Set(float64(d.Set.Epoch))
}

// forget drops the series of a cluster that is no more.
func (m *Metrics) forget(key types.NamespacedName) {
	m.clusters.End(key.Namespace, key.Name)
}
