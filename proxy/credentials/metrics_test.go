package credentials

import (
	"github.com/prometheus/client_golang/prometheus"
)

// value is that of a metric, by its name behind the prefix, with labels as name and value in turn. A histogram's is its
// count; -1: there is none.
func value(m *Metrics, name string, labels ...string) float64 {
	in := prometheus.NewPedanticRegistry()
	in.MustRegister(m)
	families, err := in.Gather()
	if err != nil {
		return -1
	}
	for _, f := range families {
		if f.GetName() != "sipring_proxy_credential_"+name {
			continue
		}
		for _, one := range f.Metric {
			matching := 0
			for _, l := range one.Label {
				for i := 0; i < len(labels); i += 2 {
					if l.GetName() == labels[i] && l.GetValue() == labels[i+1] {
						matching++
					}
				}
			}
			if matching*2 == len(labels) {
				return one.GetCounter().GetValue() + one.GetGauge().GetValue() + float64(one.GetHistogram().GetSampleCount())
			}
		}
	}
	return -1
}
