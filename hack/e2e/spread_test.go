//go:build linux

package main

import (
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSpreadGoesEverywhereThatIsThere: with one pod gone to the others alone, and to all again.
func TestSpreadGoesEverywhereThatIsThere(t *testing.T) {
	a, b, c := netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("192.0.2.2:5060"), netip.MustParseAddrPort("192.0.2.3:5060")
	s := newSpread(map[string][]netip.AddrPort{"a": {a}, "b": {b}, "c": {c}})
	for gone, want := range map[string][]netip.AddrPort{"": {a, b, c}, "b": {a, c}} {
		s.without(gone)
		seen := map[netip.AddrPort]bool{}
		for range 1000 {
			seen[s.pick()] = true
		}
		got := slices.SortedFunc(maps.Keys(seen), netip.AddrPort.Compare)
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); d != "" {
			t.Errorf("without %q (-want +got):\n%s", gone, d)
		}
	}
}
