package auth

import "github.com/sipring/sipring/metric"

// result says what became of a request at the Gate.
type result uint8

const (
	resultOK           result = iota // proved to be a user
	resultTrusted                    // from a trusted source
	resultOpen                       // of a domain that is open
	resultOutside                    // let in from outside
	resultChallenged                 // asked for credentials
	resultStale                      // asked again: the nonce is too old
	resultReplayed                   // asked again: the nonce has been used
	resultFailed                     // asked again: the credentials are wrong
	resultLate                       // wrong, and the first copy of several: not answered
	resultBanned                     // not answered: too many were wrong
	resultMalformed                  // 400: the credentials cannot be read
	resultForbidden                  // 403
	resultTooManyCalls               // 480: more than the user may begin
	resultUnavailable                // 503: the source of credentials is away
	results
)

var resultNames = [results]string{
	resultOK: "ok", resultTrusted: "trusted", resultOpen: "open", resultOutside: "outside", resultChallenged: "challenged", resultStale: "stale",
	resultReplayed: "replayed", resultFailed: "failed", resultLate: "late", resultBanned: "banned", resultMalformed: "malformed", resultForbidden: "forbidden", resultTooManyCalls: "too_many_calls", resultUnavailable: "unavailable",
}

// Metrics are those of a Gate, and the prometheus.Collector of them.
type Metrics struct {
	*metric.Set
	results []metric.Counter // by result
	bans    []metric.Counter // by ban, but for banNone
}

func newMetrics(g *Gate) *Metrics {
	s := metric.NewSet("sipring_proxy_")
	s.GaugeFunc("authentication_bans", "Bans in force of who has failed to authenticate too often, at most 100.", func() float64 { return float64(len(g.Bans())) })
	return &Metrics{
		Set: s,
		results: s.Counters("authentications_total", "Requests that have to be let in, by what became of them.",
			metric.Label{Name: "result", Values: resultNames[:]}),
		bans: s.Counters("authentication_bans_total", "Bans of who has failed to authenticate too often.",
			metric.Label{Name: "of", Values: banNames[banUser:]}),
	}
}

func (m *Metrics) count(r result) { m.results[r].Inc() }
