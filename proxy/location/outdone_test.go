package location

import (
	"testing"

	"pgregory.net/rapid"
)

// News are the versions that a merge brings.
func TestNewsAreVersionsThatAMergeBrings(t *testing.T) {
	versions := func(r Record) map[Version]int {
		all := map[Version]int{}
		for b := range r.All() {
			all[b.Version]++
		}
		return all
	}
	rapid.Check(t, func(t *rapid.T) {
		held, r := drawRecord(t), drawRecord(t)
		want := r.proofs().tell(held.proofs())
		before := versions(held)
		for v, n := range versions(merged(held, r)) {
			want = want || n > before[v]
		}
		if got := r.News(held); got != want {
			t.Fatalf("%v has news for %v: %v, want %v", show(r, start), show(held, start), got, want)
		}
		if r.News(merged(held, r)) {
			t.Fatal("news of what is there")
		}
	})
}
