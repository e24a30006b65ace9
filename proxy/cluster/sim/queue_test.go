package sim

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestQueue compares the queue with sorting.
func TestQueue(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var q queue
	var want, got []int64
	for range 2000 {
		if rng.IntN(3) > 0 || q.Len() == 0 {
			at := rng.Int64N(50)
			want = append(want, at)
			q.add(at, nil)
			continue
		}
		first := slices.Index(want, slices.Min(want))
		got = append(got, want[first])
		want = slices.Delete(want, first, first+1)
		if e := q.next(); e.at != got[len(got)-1] {
			t.Fatalf("took %d, the first is %d", e.at, got[len(got)-1])
		}
	}
	last := event{}
	for q.Len() > 0 {
		e := q.next()
		if e.before(&last) {
			t.Fatalf("%v after %v", e, last)
		}
		last = e
	}
}
