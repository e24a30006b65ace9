package metric

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Objects makes metrics of objects that come and go, which are named by labels.
// Begin makes the series of all of them, for every value of the further labels they
// have, and End drops them.
type Objects struct {
	set     *Set
	labels  []string
	vectors []objectVector
}

type objectVector struct {
	begin  func(object []string)
	forget func(prometheus.Labels) int
}

// Objects returns a maker of metrics of objects that are named by these labels.
func (s *Set) Objects(labels ...string) *Objects { return &Objects{set: s, labels: labels} }

// Begin has every metric of the object be there. It may be called again: what is
// there stays as it is.
func (o *Objects) Begin(object ...string) {
	for _, v := range o.vectors {
		v.begin(object)
	}
}

// End drops every metric of the object.
func (o *Objects) End(object ...string) {
	labels := prometheus.Labels{}
	for i, value := range object {
		labels[o.labels[i]] = value
	}
	for _, v := range o.vectors {
		v.forget(labels)
	}
}

// Counters makes a counter for every object and every combination of the labels'
// values. It is taken by the object's labels and then those.
func (o *Objects) Counters(name, help string, labels ...Label) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: o.set.prefix + name, Help: help}, o.all(labels))
	o.add(v, labels, func(values []string) { v.WithLabelValues(values...) }, v.DeletePartialMatch)
	return v
}

// Gauges is Counters for gauges.
func (o *Objects) Gauges(name, help string, labels ...Label) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: o.set.prefix + name, Help: help}, o.all(labels))
	o.add(v, labels, func(values []string) { v.WithLabelValues(values...) }, v.DeletePartialMatch)
	return v
}

func (o *Objects) all(labels []Label) []string { return slices.Concat(o.labels, names(labels)) }

func (o *Objects) add(c prometheus.Collector, labels []Label, touch func([]string), forget func(prometheus.Labels) int) {
	o.set.Add(c)
	o.vectors = append(o.vectors, objectVector{
		begin: func(object []string) {
			combine(labels, func(values []string) { touch(slices.Concat(object, values)) })
		},
		forget: forget,
	})
}
