package location

import (
	"testing"

	"pgregory.net/rapid"
)

// The requests of a phone reach two sides of a cut, of which neither knows what the other has taken, and then one side what
// it sends last. Once the two have merged, a late copy of any of them changes nothing.
func TestLateDatagramsAfterACut(t *testing.T) {
	lim := Limits{Untold: true}
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Uint32Range(1, 100).Draw(t, "first")
		n := rapid.Uint32Range(2, 40).Draw(t, "requests")
		var before Record
		known := sent(1, register(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "callID before"), first, contact("sip:a@1", 3600)))
		if rapid.Bool().Draw(t, "known before") {
			before, _ = applied(start-rapid.Int64Range(0, 100_000).Draw(t, "age"), before, &known, Limits{}, uint64(start)-1, 1)
		}
		sides := [2]Record{before, merged(before, Record{})}
		var requests []Update
		now, turn := start, rapid.Uint32Range(0, n).Draw(t, "the other side from")
		for i := range n {
			u := sent(100+i, register("a", first+1+i, contact("sip:a@1", rapid.SampledFrom([]uint32{0, 60, 3600}).Draw(t, "expires"))))
			requests = append(requests, u)
			side := 0
			if i >= turn {
				side = rapid.SampledFrom([]int{1, 1, 1, 0}).Draw(t, "side")
			}
			var res Result
			sides[side], res = applied(now, sides[side], &u, lim, uint64(now), uint32(side+1))
			if res.Status != 200 {
				t.Fatalf("CSeq %d, the newest, is answered %d", u.CSeq, res.Status)
			}
			now += rapid.Int64Range(1, 500).Draw(t, "ms")
		}
		r := merged(sides[0], sides[1])
		want := 1
		if requests[n-1].Contacts[0].Expires == 0 {
			want = 0
		}
		for _, u := range rapid.Permutation(requests).Draw(t, "late copies") {
			if r, _ = applied(now, r, &u, Limits{}, uint64(now), 1); r.LiveCount(now) != want {
				t.Fatalf("after a late copy of CSeq %d there is %v", u.CSeq, show(r, now))
			}
		}
	})
}

// Without a cut a Call-ID that is new is taken for one that has just begun: its phone may begin again below.
func TestOnlyACutMakesEveryLowerCSeqLate(t *testing.T) {
	for name, tt := range map[string]struct {
		lim  Limits
		want int
	}{
		"nobody is out of reach": {Limits{}, 200},
		"members are":            {Limits{Untold: true}, 500},
	} {
		t.Run(name, func(t *testing.T) {
			var r Record
			for i, expires := range []uint32{3600, 0} {
				u := sent(uint32(i+1), register("a", uint32(20+i), contact("sip:a@1", expires)))
				r, _ = applied(start, r, &u, tt.lim, uint64(start), 1)
			}
			again := sent(9, register("a", 1, contact("sip:a@1", 3600)))
			if _, res := applied(start+1000, r, &again, Limits{}, uint64(start)+1000, 1); res.Status != tt.want {
				t.Errorf("begun anew at CSeq 1: %d, want %d", res.Status, tt.want)
			}
			if _, res := applied(start+OrderFor+1, r, &again, Limits{}, uint64(start)+2000, 1); res.Status != 200 {
				t.Errorf("begun anew after half a minute: %d", res.Status)
			}
		})
	}
}
