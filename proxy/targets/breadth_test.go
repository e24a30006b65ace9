package targets

import (
	"testing"

	"pgregory.net/rapid"
)

// All of a breadth is given out, each target that is tried at a time has some of
// it, and the flows of one phone have the same.
func TestRFC5393_5_3_3_Share(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := make([]Target, rapid.IntRange(1, 80).Draw(t, "targets"))
		ways := map[uint64]int{} // the share of each phone, or single target
		for i := range list {
			list[i].Group = rapid.Uint64Range(0, 20).Draw(t, "group")
		}
		key := func(i int) uint64 {
			if g := list[i].Group; g != 0 {
				return g
			}
			return 1000 + uint64(i)
		}
		for i := range list {
			ways[key(i)] = 0
		}
		breadth := rapid.IntRange(0, maxBreadth).Draw(t, "breadth")
		if enough := Share(list, breadth); enough != (len(ways) <= breadth) {
			t.Fatalf("%d for %d ways: %v", breadth, len(ways), enough)
		} else if !enough {
			return
		}
		sum := 0
		for i := range list {
			switch share, at := list[i].Breadth, key(i); {
			case share < 1:
				t.Fatalf("target %d of %d has %d", i, len(list), share)
			case ways[at] == 0:
				ways[at] = share
				sum += share
			case ways[at] != share:
				t.Fatalf("a phone has %d and %d", ways[at], share)
			}
		}
		if sum != breadth {
			t.Fatalf("%d of %d given out", sum, breadth)
		}
	})
}
