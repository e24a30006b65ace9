package stub

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/sipring/sipring/proxy/resolve"
)

// TestTruncatedAnswerThatNeverComes: where a firewall drops DNS over TCP, an answer that does
// not fit into a datagram costs neither the others nor the next server.
func TestTruncatedAnswerThatNeverComes(t *testing.T) {
	t.Parallel()
	truncated, over := make(chan struct{}), make(chan struct{})
	defer close(over)
	const answers = "a.example. 60 IN A 192.0.2.1\na.example. 60 IN AAAA 2001:db8::1"
	silent := serve(t, func(network string, q *dns.Msg) *dns.Msg {
		m := with(q, answers)
		switch {
		case network == "tcp":
			<-over
			return nil
		case q.Question[0].Qtype == dns.TypeAAAA:
			defer close(truncated)
			m.Answer, m.Truncated = nil, true
		default:
			<-truncated
		}
		return m
	})
	next := serve(t, records(answers))
	questions := []resolve.Question{{Name: "a.example", Type: resolve.AAAA}, {Name: "a.example", Type: resolve.A}}
	for i, a := range ask(t, At(silent.addr, next.addr), 2*time.Second, questions...) {
		if a.Status != resolve.Answered {
			t.Errorf("%+v: %+v", questions[i], a)
		}
	}
}
