package metric

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Counter is client_golang's, which can be read as well. Counting costs an atomic
// addition.
type Counter struct{ prometheus.Counter }

// Load returns the count.
func (c Counter) Load() uint64 {
	var m dto.Metric
	if c.Write(&m) != nil {
		return 0 // a counter without exemplars can always be written
	}
	return uint64(m.GetCounter().GetValue())
}

// Label is the name of a label and all the values that it can have.
type Label struct {
	Name   string
	Values []string
}

// LabelOf is a label whose values are those of a type of their own.
func LabelOf[T ~string](name string, values ...T) Label {
	l := Label{Name: name}
	for _, v := range values {
		l.Values = append(l.Values, string(v))
	}
	return l
}

// combine calls each with every combination of the labels' values: those of the
// last label change fastest.
func combine(labels []Label, each func(values []string)) {
	var next func(values []string)
	next = func(values []string) {
		if len(values) == len(labels) {
			each(values)
			return
		}
		for _, v := range labels[len(values)].Values {
			next(append(slices.Clip(values), v))
		}
	}
	next(nil)
}

func names(labels []Label) (names []string) {
	for _, l := range labels {
		names = append(names, l.Name)
	}
	return names
}

// Counters makes a counter for every combination of the values of labels, each
// there from the start, and returns them: those of the last label change fastest.
func (s *Set) Counters(name, help string, labels ...Label) []Counter {
	vector := prometheus.NewCounterVec(prometheus.CounterOpts{Name: s.prefix + name, Help: help}, names(labels))
	var all []Counter
	combine(labels, func(values []string) { all = append(all, Counter{vector.WithLabelValues(values...)}) })
	s.Add(vector)
	return all
}

// Gauges is Counters for gauges.
func (s *Set) Gauges(name, help string, labels ...Label) []prometheus.Gauge {
	vector := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: s.prefix + name, Help: help}, names(labels))
	var all []prometheus.Gauge
	combine(labels, func(values []string) { all = append(all, vector.WithLabelValues(values...)) })
	s.Add(vector)
	return all
}
