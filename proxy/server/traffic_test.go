package server

import (
	"testing"

	"github.com/sipring/sipring/proxy/wire"
)

func TestTraffic(t *testing.T) {
	m := newMetrics()
	before := m.Traffic()
	m.requests[wire.MethodInvite].Add(3)
	m.requests[wire.MethodOther].Inc()
	m.registers[registerOK].Add(2)
	m.registers[registerNoRoom].Inc()
	for status, n := range map[int]float64{200: 5, 299: 1, 404: 2, 503: 1, 401: 7, 407: 8} {
		m.results[codePlace(status)].Add(n)
	}
	got := m.Traffic()
	if got.UnixNano < before.UnixNano || before.UnixNano == 0 {
		t.Errorf("counted at %d, before that at %d", got.UnixNano, before.UnixNano)
	}
	got.UnixNano, before.UnixNano = 0, 0
	if want := (Traffic{Requests: 4, Registrations: 2, Calls: 9, Answered: 6}); got != want || before != (Traffic{}) {
		t.Errorf("from %+v to %+v, want %+v", before, got, want)
	}
}
