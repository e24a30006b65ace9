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
	looks    map[string]*lookups
	asks     map[string]*questionCounts
	files    fileCounts
	known    spaceCounts
	absent   spaceCounts
	duration prometheus.Histogram
	waiting  prometheus.Gauge
	refused  metric.Counter
	notices  metric.Counter
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

// questionCounts count questions to one source, by result.
type questionCounts struct {
	found, unknown, invalid, failed metric.Counter
	down                            prometheus.Gauge
}

// count counts a question.
func (q *questionCounts) count(known bool, err error) {
	switch {
	case isOddity(err):
		q.invalid.Inc()
	case err != nil:
		q.failed.Inc()
	case known:
		q.found.Inc()
	default:
		q.unknown.Inc()
	}
}

// fileCounts are those of files.
type fileCounts struct {
	refused, failures metric.Counter
	users, down       prometheus.Gauge
}

// NewMetrics returns the metrics of credentials, at 0.
func NewMetrics() *Metrics {
	s := metric.NewSet("sipring_proxy_credential_")
	m := &Metrics{Set: s, looks: map[string]*lookups{}, asks: map[string]*questionCounts{}}
	sources := metric.Label{Name: "source", Values: []string{sourceFiles, sourcePostgres, sourceHTTP}}
	looks := s.Counters("lookups_total", "Users looked up in memory, by source and result.", sources,
		metric.Label{Name: "result", Values: []string{"unknown", "found", "unavailable", "ask", "stale"}})
	down := s.Gauges("source_down", "1 while the source of credentials is away, or some of its files are.", sources)
	for i, source := range sources.Values {
		m.looks[source] = (*lookups)(looks[i*lookResults:])
	}
	asked := metric.Label{Name: "source", Values: sources.Values[1:]}
	asks := s.Counters("questions_total", "Questions that a source was asked, by result.", asked,
		metric.Label{Name: "result", Values: []string{"found", "unknown", "invalid", "failed"}})
	for i, source := range asked.Values {
		a := asks[4*i:]
		m.asks[source] = &questionCounts{found: a[0], unknown: a[1], invalid: a[2], failed: a[3], down: down[1+i]}
	}
	m.files = fileCounts{
		refused:  s.Counter("lines_refused_total", "Lines of files of credentials that were refused."),
		failures: s.Counter("file_failures_total", "Times that files of credentials became unreadable, vanished or were too large: what was read before stayed in force."),
		users:    s.Gauge("file_users", "Users in files of credentials."),
		down:     down[0],
	}
	m.ofSpaces(s)
	m.duration = s.Histogram("question_duration_seconds", "From a question to the answer of the source, tries included.", .001, .003, .01, .03, .1, .3, 1, 3, 10, 30)
	m.waiting = s.Gauge("questions_waiting", "Requests that wait for a source.")
	m.refused = s.Counter("questions_refused_total", "Questions that were not asked, as the source was away or too many waited.")
	m.notices = s.Counter("notifications_total", "Notifications of the database that users have changed.")
	return m
}

// ofSpaces makes the metrics of what is kept of what sources said.
func (m *Metrics) ofSpaces(s *metric.Set) {
	kinds := metric.Label{Name: "kind", Values: []string{"known", "absent"}}
	entries := s.Gauges("cache_entries", "Users kept of what a source said: known ones, and absent ones.", kinds)
	bytes := s.Gauges("cache_bytes", "Bytes that they take.", kinds)
	evicted := s.Counters("cache_evictions_total", "Users that made room for others.", kinds)
	m.known = spaceCounts{entries: entries[0], bytes: bytes[0], evicted: evicted[0]}
	m.absent = spaceCounts{entries: entries[1], bytes: bytes[1], evicted: evicted[1]}
}

// lookups are those of one source, and questions too.
func (m *Metrics) lookups(source string) *lookups          { return m.looks[source] }
func (m *Metrics) questions(source string) *questionCounts { return m.asks[source] }
