package location

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/ring"
	"github.com/sipring/sipring/proxy/ring/ringtest"
)

// TestIndexIsAMap: what is added under a key is found by it, and nothing else,
// though keys meet in their low bits or are the same.
func TestIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index
		model := map[int]uint32{} // keys by slot
		for slot := range rapid.IntRange(1, 120).Draw(t, "steps") {
			if len(model) > 0 && rapid.IntRange(0, 2).Draw(t, "op") == 0 {
				gone := rapid.SampledFrom(slots(model, 120)).Draw(t, "gone")
				x.remove(model[gone], gone)
				delete(model, gone)
				continue
			}
			key := rapid.Uint32Range(0, 9).Draw(t, "low") | rapid.Uint32Range(0, 3).Draw(t, "high")<<20
			x.add(key, slot)
			model[slot] = key
		}
		if x.used != len(model) {
			t.Fatalf("%d cells used of %d", x.used, len(model))
		}
		for slot := range 120 {
			key, there := model[slot]
			if got := x.find(key, func(i int) bool { return i == slot }); (got == slot) != there {
				t.Fatalf("slot %d of key %#x: found %d, there: %v", slot, key, got, there)
			}
		}
	})
}

// slots are those of the model, in order.
func slots(model map[int]uint32, most int) (all []int) {
	for slot := range most {
		if _, there := model[slot]; there {
			all = append(all, slot)
		}
	}
	return all
}

// TestUsersOfOneHashCostNoMore: to find a user takes as many looks into the index,
// whether all users have one hash on the ring or not.
func TestUsersOfOneHashCostNoMore(t *testing.T) {
	colliding := ringtest.Colliding(8, "example.com")
	plain := make([][]byte, len(colliding))
	for i := range plain {
		plain[i] = fmt.Appendf(nil, "sip:user%d@example.com", i)
	}
	ordinary, worst := looks(plain)
	if got, most := looks(colliding); got > ordinary+1 || most > 4*worst+16 {
		t.Errorf("%.1f looks at a refresh, at most %d; ordinary users take %.1f, at most %d", got, most, ordinary, worst)
	}
}

// looks registers the users in one partition, and counts the cells that are looked
// at to find each of them again.
func looks(users [][]byte) (mean float64, most int) {
	s := NewStore(1)
	for _, aor := range users {
		u := register("call", 1, contact("sip:a@192.0.2.1", 3600))
		u.AOR = aor
		s.Apply(start, 0, ring.Seed{}.Hash(aor), &u, Limits{}, uint64(start), 1)
	}
	x, sum := &s.parts[0].index, 0
	mask := len(x.cells) - 1
	for at, cell := range x.cells {
		if cell != 0 {
			n := (at-int(cell>>32))&mask + 1
			sum, most = sum+n, max(most, n)
		}
	}
	return float64(sum) / float64(len(users)), most
}
