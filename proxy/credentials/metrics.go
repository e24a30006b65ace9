package credentials

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/metric"
)

// sources of credentials, as labels.
const (
	sourceFiles    = "files"
	sourcePostgres = "postgres"
	sourceHTTP     = "http"
)

// Results of looking, as labels, in the order of lookups.
const (
	lookUnknown = iota
	lookFound
	lookUnavailable
	lookAsk
	lookStale
	lookResults
)

// Metrics counts what a Store does, and is a prometheus.Collector. Make one for a proxy, and register it.
type Metrics struct {
	*metric.Set
	looks map[string]*lookups
	files fileCounts
}

// lookups count looks at one source, by result.
type lookups [lookResults]metric.Counter

// count counts a look.
func (l *lookups) count(a Answer, stale bool) {
	if a == Found && stale {
		l[lookStale].Inc()
		return
	}
	l[a].Inc()
}

// fileCounts are those of files.
type fileCounts struct {
	refused, failures metric.Counter
	users, down       prometheus.Gauge
}

// NewMetrics returns the metrics of credentials, at 0.
func NewMetrics() *Metrics {
	s := metric.NewSet("sipring_proxy_credential_")
	m := &Metrics{Set: s, looks: map[string]*lookups{}}
	sources := metric.Label{Name: "source", Values: []string{sourceFiles, sourcePostgres, sourceHTTP}}
	looks := s.Counters("lookups_total", "Users looked up in memory, by source and result.", sources,
		metric.Label{Name: "result", Values: []string{"unknown", "found", "unavailable", "ask", "stale"}})
	for i, source := range sources.Values {
		m.looks[source] = (*lookups)(looks[i*lookResults:])
	}
	m.files.refused = s.Counter("lines_refused_total", "Lines of files of credentials that were refused.")
	m.files.failures = s.Counter("file_failures_total", "Times that files of credentials became unreadable, vanished or were too large: what was read before stayed in force.")
	m.files.users = s.Gauge("file_users", "Users in files of credentials.")
	m.files.down = s.Gauges("source_down", "1 while the source of credentials is away, or some of its files are.", sources)[0]
	return m
}

// lookups are those of one source.
func (m *Metrics) lookups(source string) *lookups { return m.looks[source] }
