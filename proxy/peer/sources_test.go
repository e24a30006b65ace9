package peer

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/limit"
)

// TestReportedSources: the two largest of IPv4, by powers of two, so that one phone more is
// no other report.
func TestReportedSources(t *testing.T) {
	source := func(a string) uint64 { return limit.Source(netip.MustParseAddr(a)) }
	one, other, third, six := source("192.0.2.1"), source("255.255.255.255"), source("10.0.0.0"), source("2001:db8::1")
	for name, tt := range map[string]struct {
		bindings map[uint64]int
		want     []config.Source
	}{
		"none":              {map[uint64]int{}, nil},
		"too few":           {map[uint64]int{one: 15}, nil},
		"enough":            {map[uint64]int{one: 16}, []config.Source{{Address: "192.0.2.1", Bindings: 16}}},
		"hardly more":       {map[uint64]int{one: 31, other: 33}, []config.Source{{Address: "255.255.255.255", Bindings: 32}, {Address: "192.0.2.1", Bindings: 16}}},
		"three, of a size":  {map[uint64]int{one: 70, other: 90, third: 100}, []config.Source{{Address: "10.0.0.0", Bindings: 64}, {Address: "192.0.2.1", Bindings: 64}}},
		"a network of IPv6": {map[uint64]int{six: 4000}, nil},
		"an early /64":      {map[uint64]int{source("::1"): 4000, source("0:2::1"): 4000}, nil},
	} {
		if d := cmp.Diff(tt.want, reported(tt.bindings)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
