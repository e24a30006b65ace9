package main

import (
	"os"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

func TestMain(m *testing.M) {
	if serves() {
		return
	}
	os.Exit(m.Run())
}

// An idle connection over any transport costs no more than 10,000 in 200 MB do.
func TestIdleConnectionsAreCheap(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector keeps several bytes for each")
	}
	for _, transport := range []flow.Transport{flow.TCP, flow.TLS, flow.WS, flow.WSS} {
		m, err := measure(os.Args[0], transport, 500)
		if err != nil {
			t.Fatal(err)
		}
		if m.each <= 0 || m.each/1024 > mostEach {
			t.Errorf("one over %s costs %.1f KiB, want at most %.1f", transport, m.each/1024, float64(mostEach))
		}
	}
}
