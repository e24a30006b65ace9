package certificates

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/metric"
)

// Metrics counts what a Store does, and is a prometheus.Collector. Make one for a proxy,
// and register it.
type Metrics struct {
	*metric.Set
	objects *metric.Objects
	reloads *prometheus.CounterVec
	failing *prometheus.GaugeVec
	expiry  *prometheus.GaugeVec
}

// NewMetrics returns the metrics of certificates, of which there are none yet.
func NewMetrics() *Metrics {
	s := metric.NewSet("sipring_proxy_certificate_")
	m := &Metrics{Set: s, objects: s.Objects("listener", "certificate")}
	m.reloads = m.objects.Counters("reloads_total", "Times that the files of a certificate were read anew, by result.", metric.Label{Name: "result", Values: []string{"loaded", "failed"}})
	m.failing = m.objects.Gauges("failing", "1 while the files of a certificate cannot be used as they are: what was read before stays in use.")
	// Without a certificate there is no such time, so it is not begun with the others.
	m.expiry = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sipring_proxy_certificate_expiry_timestamp_seconds", Help: "When the certificate in use expires, in seconds since 1970."}, []string{"listener", "certificate"})
	s.Add(m.expiry)
	return m
}

func (m *Metrics) begin(listener, certificate string) { m.objects.Begin(listener, certificate) }

func (m *Metrics) count(listener string, src *source, result result) {
	switch result {
	case unchanged:
		return
	case failed:
		m.reloads.WithLabelValues(listener, src.name, "failed").Inc()
		m.failing.WithLabelValues(listener, src.name).Set(1)
	case loaded:
		m.reloads.WithLabelValues(listener, src.name, "loaded").Inc()
		m.failing.WithLabelValues(listener, src.name).Set(0)
		m.expiry.WithLabelValues(listener, src.name).Set(float64(src.good.expires.Unix()))
	}
}
