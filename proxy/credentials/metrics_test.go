package credentials

import (
	"testing"

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

// TestMetrics: each says what it is to say.
func TestMetrics(t *testing.T) {
	bubble(t, newFake("alice"), usual(), defaultBounds, func(b *bench) {
		b.want("alice", Found)
		b.want("nobody", Unknown)
		b.source.set(func() { b.source.err = &oddity{errGone} })
		b.want("odd", Unavailable)
		b.source.set(func() { b.source.err = errGone })
		b.want("away", Unavailable)
		for _, c := range []struct {
			want float64
			name string
			of   []string
		}{
			{1, "questions_total", []string{"source", "http", "result", "found"}},
			{1, "questions_total", []string{"source", "http", "result", "unknown"}},
			{1, "questions_total", []string{"source", "http", "result", "invalid"}},
			{1, "questions_total", []string{"source", "http", "result", "failed"}},
			{0, "questions_total", []string{"source", "postgres", "result", "found"}},
			{4, "lookups_total", []string{"source", "http", "result", "ask"}},
			{1, "lookups_total", []string{"source", "http", "result", "found"}},
			{1, "lookups_total", []string{"source", "http", "result", "unknown"}},
			{2, "lookups_total", []string{"source", "http", "result", "unavailable"}},
			{4, "question_duration_seconds", nil},
			{1, "cache_entries", []string{"kind", "known"}},
			{3, "cache_entries", []string{"kind", "absent"}},
			{entryBytes + float64(len("alice example.com")), "cache_bytes", []string{"kind", "known"}},
		} {
			if got := value(b.metrics, c.name, c.of...); got != c.want {
				t.Errorf("%s%v is %v, want %v", c.name, c.of, got, c.want)
			}
		}
	})
}
