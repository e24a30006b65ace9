package metric

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Set makes metrics whose names begin with its prefix, and is the
// prometheus.Collector of them. Make all before it is registered; after that it is
// safe for concurrent use.
type Set struct {
	prefix string
	all    []prometheus.Collector
}

// NewSet returns a set without metrics.
func NewSet(prefix string) *Set { return &Set{prefix: prefix} }

// Describe implements prometheus.Collector.
func (s *Set) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range s.all {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (s *Set) Collect(ch chan<- prometheus.Metric) {
	for _, c := range s.all {
		c.Collect(ch)
	}
}

// Add has further collectors shown with the set's.
func (s *Set) Add(c ...prometheus.Collector) { s.all = append(s.all, c...) }

// Counter makes a counter. Of one name there may be several, in one set or in
// others, that differ in their labels' values, which are given as name and value in
// turn.
func (s *Set) Counter(name, help string, labels ...string) Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: s.prefix + name, Help: help, ConstLabels: pairs(labels)})
	s.Add(c)
	return Counter{c}
}

// Gauge makes a gauge without labels.
func (s *Set) Gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: s.prefix + name, Help: help})
	s.Add(g)
	return g
}

// GaugeFunc makes a gauge without labels that is asked with each scrape.
func (s *Set) GaugeFunc(name, help string, value func() float64) {
	s.Add(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: s.prefix + name, Help: help}, value))
}

// Info makes a gauge that is always 1 and has what it tells in its labels, which
// are given as name and value in turn.
func (s *Set) Info(name, help string, labels ...string) {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: s.prefix + name, Help: help, ConstLabels: pairs(labels)})
	g.Set(1)
	s.Add(g)
}

func pairs(labels []string) prometheus.Labels {
	constant := prometheus.Labels{}
	for pair := range slices.Chunk(labels, 2) {
		constant[pair[0]] = pair[1]
	}
	return constant
}

// What a native histogram is made of: its buckets grow by a tenth at most, and are
// so many at most, above which they grow faster.
const (
	nativeFactor  = 1.1
	nativeBuckets = 160
)

// Histogram makes a histogram without labels: with the classic buckets that are
// given, and a native one for who scrapes those. Observing takes no lock and
// allocates nothing once warm.
func (s *Set) Histogram(name, help string, buckets ...float64) prometheus.Histogram {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: s.prefix + name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: nativeFactor, NativeHistogramMaxBucketNumber: nativeBuckets,
	})
	s.Add(h)
	return h
}
