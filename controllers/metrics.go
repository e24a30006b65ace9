package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
)

// Metrics of the operator.
type Metrics struct {
	members        *prometheus.GaugeVec
	epoch          *prometheus.GaugeVec
	failovers      *prometheus.CounterVec
	publishSeconds prometheus.Histogram
	updatesWaiting prometheus.Gauge
}

// NewMetrics registers the operator's metrics with the registerer.
func NewMetrics(in prometheus.Registerer) (*Metrics, error) {
	cluster := []string{"namespace", "cluster"}
	m := &Metrics{
		members: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sipring_operator_members", Help: "Members of a SIPCluster by state: joining, active, draining, evicted.",
		}, append(cluster, "state")),
		epoch: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sipring_operator_epoch", Help: "Epoch of the published member set.",
		}, cluster),
		failovers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sipring_operator_failovers_total", Help: "Members that left the ring unasked, by cause: not_ready, gone, node_lost, node_deleted, evicted.",
		}, append(cluster, "cause")),
		publishSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sipring_operator_publish_seconds", Help: "Time from the news of a pod, node or report to the published member set.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}),
		updatesWaiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "sipring_operator_updates_waiting", Help: "SIPClusters that wait for their turn to get what a newer operator changes in their pods.",
		}),
	}
	for _, c := range []prometheus.Collector{m.members, m.epoch, m.failovers, m.publishSeconds, m.updatesWaiting} {
		if err := in.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// observe shows the decision of a pass.
func (m *Metrics) observe(c *v1alpha1.SIPCluster, d *membership.Result) {
	count := map[v1alpha1.MemberState]int{}
	for _, member := range d.Set.Members {
		count[memberState(member, d.Evicted)]++
	}
	for _, s := range []v1alpha1.MemberState{v1alpha1.MemberJoining, v1alpha1.MemberActive, v1alpha1.MemberDraining, v1alpha1.MemberEvicted} {
		m.members.WithLabelValues(c.Namespace, c.Name, string(s)).Set(float64(count[s]))
	}
	m.epoch.WithLabelValues(c.Namespace, c.Name).Set(float64(d.Set.Epoch))
}

// forget drops the series of a cluster that is no more.
func (m *Metrics) forget(key types.NamespacedName) {
	of := prometheus.Labels{"namespace": key.Namespace, "cluster": key.Name}
	m.members.DeletePartialMatch(of)
	m.epoch.DeletePartialMatch(of)
	m.failovers.DeletePartialMatch(of)
}
