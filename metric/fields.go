package metric

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// Fields has the set show the fields of a struct of numbers and bools, which look returns with
// each scrape. Each field says in its tags what it is:
//
//	Lookups uint64 `metric:"operations_total{operation=lookup}" help:"Operations begun here."`
//
// A name that ends in _total is a counter, any other a gauge. Of fields with one
// name the first has the help. A field without a tag is a fault of the program: what
// is to be shown by nobody says so by "-".
func Fields[T any](s *Set, look func() T) {
	f := &fields{look: func() reflect.Value { return reflect.ValueOf(look()) }}
	f.read(s.prefix, reflect.TypeFor[T]())
	s.Add(f)
}

// fields is the collector of a struct.
type fields struct {
	look func() reflect.Value
	all  []field
}

// field is one that is shown.
type field struct {
	index int
	desc  *prometheus.Desc
	kind  prometheus.ValueType
}

func (f *fields) read(prefix string, t reflect.Type) {
	help := map[string]string{}
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("metric")
		switch {
		case !ok:
			panic(fmt.Sprintf("metric: %s.%s does not say what it is", t, t.Field(i).Name))
		case tag == "-":
			continue
		}
		name, labels := parse(tag)
		if help[name] == "" {
			help[name] = t.Field(i).Tag.Get("help")
		}
		kind := prometheus.GaugeValue
		if strings.HasSuffix(name, "_total") {
			kind = prometheus.CounterValue
		}
		f.all = append(f.all, field{index: i, desc: prometheus.NewDesc(prefix+name, help[name], nil, labels), kind: kind})
	}
}

// parse reads name{label=value,...}.
func parse(tag string) (name string, labels prometheus.Labels) {
	name, inner, labelled := strings.Cut(strings.TrimSuffix(tag, "}"), "{")
	if !labelled {
		return name, nil
	}
	labels = prometheus.Labels{}
	for pair := range strings.SplitSeq(inner, ",") {
		label, value, _ := strings.Cut(pair, "=")
		labels[label] = value
	}
	return name, labels
}

// Describe implements prometheus.Collector.
func (f *fields) Describe(ch chan<- *prometheus.Desc) {
	for _, one := range f.all {
		ch <- one.desc
	}
}

// Collect implements prometheus.Collector.
func (f *fields) Collect(ch chan<- prometheus.Metric) {
	v := f.look()
	for _, one := range f.all {
		ch <- prometheus.MustNewConstMetric(one.desc, one.kind, number(v.Field(one.index)))
	}
}

func number(v reflect.Value) float64 {
	switch {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	case v.CanFloat():
		return v.Float()
	case v.Bool():
		return 1
	}
	return 0
}

// Sum adds the fields of one struct of numbers to those of another.
func Sum[T any](into *T, from *T) {
	to, of := reflect.ValueOf(into).Elem(), reflect.ValueOf(from).Elem()
	for i := range to.NumField() {
		switch f := to.Field(i); {
		case f.CanInt():
			f.SetInt(f.Int() + of.Field(i).Int())
		case f.CanUint():
			f.SetUint(f.Uint() + of.Field(i).Uint())
		default:
			f.SetFloat(f.Float() + of.Field(i).Float())
		}
	}
}
