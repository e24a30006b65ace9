package server

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// made is how many responses of the code were made here.
func (m *Metrics) made(code int) uint64 {
	return m.codes[codePlace(code)*int(origins)+int(local)].Load()
}

// counts are those of the metrics named, which are not 0, by the values of labels.
func (m *Metrics) counts(t *testing.T, names ...string) map[string]float64 {
	t.Helper()
	in := prometheus.NewPedanticRegistry()
	in.MustRegister(m)
	families, err := in.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		name := strings.TrimPrefix(f.GetName(), "sipring_proxy_")
		for _, one := range f.Metric {
			key := name
			for _, l := range one.Label {
				key += " " + l.GetValue()
			}
			for _, want := range names {
				if v := one.GetCounter().GetValue() + float64(one.GetHistogram().GetSampleCount()); name == want && v != 0 {
					out[key] = v
				}
			}
		}
	}
	return out
}

// TestCallsAreCountedByTheirResult: each call once, what is within one not at all,
// and the 200 to a CANCEL not as an answer.
func TestCallsAreCountedByTheirResult(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	d, _ := establish(t, x, alice, bob)
	d.send("INVITE")
	bob.reply(bob.request("INVITE"), 200, "OK", "")
	alice.status(200)
	d.ack()
	bob.request("ACK")

	d = alice.ring(x.addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 180, "Ringing", "b")
	alice.status(180)
	d.cancel()
	alice.status(200)
	bob.reply(bob.request("CANCEL"), 200, "OK", "b")
	d = alice.ring(x.addr, "sip:nobody@example.com")
	d.ackFailure(alice.status(480))
	d = alice.ring(x.addr, "sip:bob@elsewhere.example")
	d.ackFailure(alice.status(404))

	want := map[string]float64{
		"call_results_total 200": 1, "call_results_total 404": 1, "call_results_total 480": 1,
		"registrations_total ok": 1, "responses_total 2xx CANCEL local": 1, "responses_total 2xx INVITE forwarded": 2,
		"responses_total 2xx REGISTER local": 1, "responses_total 4xx INVITE local": 2,
	}
	names := []string{"call_results_total", "registrations_total", "responses_total"}
	got := func() map[string]float64 {
		counts := x.metrics.counts(t, names...)
		for key := range counts {
			if strings.HasPrefix(key, "responses_total 1xx") {
				delete(counts, key)
			}
		}
		return counts
	}
	for end := time.Now().Add(patience); !cmp.Equal(want, got()) && time.Now().Before(end); time.Sleep(time.Millisecond) { // an answer is sent before it is counted
	}
	if d := cmp.Diff(want, got()); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if rang := x.metrics.counts(t, "call_setup_delay_seconds")["call_setup_delay_seconds"]; rang != 2 {
		t.Errorf("%v calls rang, want 2", rang)
	}
}

// TestEveryStatusHasACounter: whatever a target makes up.
func TestEveryStatusHasACounter(t *testing.T) {
	m := newMetrics()
	for status := -1; status < 1100; status++ {
		m.sent(0, status, forwarded)
	}
	want := map[string]float64{}
	for _, class := range classNames {
		want["responses_total "+class+" OTHER forwarded"] = 100
	}
	if d := cmp.Diff(want, m.counts(t, "responses_total")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	all := 0.0
	for _, n := range m.counts(t, "response_codes_total") {
		all += n
	}
	if got := m.codes[codePlace(486)*int(origins)+int(forwarded)].Load(); all != 600 || got != 1 || codeNames[codePlace(486)] != "486" || codeNames[codePlace(699)] != "6xx" {
		t.Errorf("%v are counted, %d of them 486", all, got)
	}
}
