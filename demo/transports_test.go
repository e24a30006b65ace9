package demo

import (
	"slices"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

func TestTransportsOfAFlag(t *testing.T) {
	for text, want := range map[string]transports{
		"udp": {flow.UDP}, "WSS,tcp": {flow.WSS, flow.TCP}, "tls,tls": {flow.TLS},
		"ws": nil, "": nil, "udp,": nil, "udp tcp": nil,
	} {
		var got transports
		if err := got.Set(text); (err != nil) != (want == nil) || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	all := everyTransport()
	if got := all.String(); got != "udp,tcp,tls,wss" {
		t.Errorf("all are %q", got)
	}
}

// With 32 calls each transport calls each, and both sides hang up; whatever their number,
// nobody is called twice.
func TestMixOfCalls(t *testing.T) {
	type mix struct {
		caller, callee flow.Transport
		byCallee       bool
	}
	over, seen := everyTransport(), map[mix]bool{}
	const calls = 32
	for i := range calls {
		seen[mix{over.of(i), over.of(calls + callee(i, calls)), byCallee(i)}] = true
	}
	if len(seen) != 2*len(over)*len(over) {
		t.Errorf("%d kinds of calls, want each transport to each, from either side", len(seen))
	}
	for n := range 40 {
		called := map[int]bool{}
		for i := range n {
			k := callee(i, n)
			if k < 0 || k >= n || called[k] {
				t.Fatalf("of %d calls the %d. is to %d", n, i, k)
			}
			called[k] = true
		}
	}
}
