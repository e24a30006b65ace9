package location

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// drawRecord draws the outcome of some updates at some members: from few contacts, so that records overlap.
func drawRecord(t *rapid.T) Record {
	r := Record{}
	for range rapid.IntRange(0, 6).Draw(t, "updates") {
		u := drawUpdate(t, rapid.Uint32Range(1, 9).Draw(t, "cseq"))
		now := start + rapid.Int64Range(0, 9).Draw(t, "now")*1000
		r, _ = applied(now, r, &u, Limits{}, rapid.Uint64Range(1, 9).Draw(t, "clock"), rapid.Uint32Range(1, 3).Draw(t, "node"))
	}
	return r
}

func drawUpdate(t *rapid.T, cseq uint32) Update {
	u := register(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "callID"), cseq, drawContact(t))
	if rapid.IntRange(0, 5).Draw(t, "star") == 0 {
		u.Star, u.Contacts = true, nil
	}
	if rapid.IntRange(0, 2).Draw(t, "proved") == 0 {
		u.Proof = Proof{rapid.Uint64Range(1, 20).Draw(t, "nonce") << nonceTime, rapid.Uint32Range(1, 4).Draw(t, "count")}
	}
	return sent(rapid.Uint32Range(0, 2).Draw(t, "fingerprint"), u)
}

func drawContact(t *rapid.T) ContactUpdate {
	c := contact(fmt.Sprintf("sip:a@%d", rapid.IntRange(1, 4).Draw(t, "host")), rapid.SampledFrom([]uint32{0, 1, 60, 3600}).Draw(t, "expires"))
	if rapid.Bool().Draw(t, "outbound") {
		c.Instance, c.RegID = []byte("<urn:uuid:1>"), rapid.Uint32Range(1, 2).Draw(t, "regID")
	}
	return c
}

func equal(a, b Record) bool { return string(a.b) == string(b.b) }

func TestMergeLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawRecord(t), drawRecord(t), drawRecord(t)
		if !equal(merged(a, b), merged(b, a)) {
			t.Fatal("not commutative")
		}
		if !equal(merged(merged(a, b), c), merged(a, merged(b, c))) {
			t.Fatal("not associative")
		}
		if !equal(merged(a, a), a) {
			t.Fatal("not idempotent")
		}
		if !equal(merged(a, merged(a, b)), merged(a, b)) {
			t.Fatal("not absorbing")
		}
		if !equal(merged(a, Record{}), a) || !equal(merged(Record{}, a), a) {
			t.Fatal("the zero record is not neutral")
		}
	})
}

// The store's merge, which changes what it can in place, is the same function.
func TestStoreMerges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, want := NewStore(1), Record{}
		for range rapid.IntRange(1, 5).Draw(t, "records") {
			r := drawRecord(t)
			after := merged(want, r)
			if changed := s.Merge(0, 7, r); changed != (!equal(after, want) && !after.isEmpty()) {
				t.Fatalf("changed %v", changed)
			}
			if !after.isEmpty() {
				want = after
			}
			if got := s.Get(0, []byte(aor)); !equal(got, want) {
				t.Fatalf("store has %v, merge gives %v", show(got, start), show(want, start))
			}
		}
	})
}

func bindingsIn(r Record) int {
	n := 0
	for range r.All() {
		n++
	}
	return n
}

// What each step wrote, merged in any order, is what the steps gave: a replica needs only what changed.
func TestDeltasAreEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		home, replica := Record{}, Record{}
		var deltas []Record
		for i := range rapid.IntRange(1, 8).Draw(t, "updates") {
			u := drawUpdate(t, uint32(i+1))
			var res Result
			home, res = applied(start, home, &u, Limits{}, uint64(start), 1)
			if res.Changed {
				d, _, _, err := ParseRecord(nil, AppendDelta(nil, home, start, res.Stamp), start)
				if err != nil {
					t.Fatal(err)
				}
				deltas = append(deltas, d)
			}
		}
		for _, d := range rapid.Permutation(deltas).Draw(t, "order") {
			replica = merged(replica, d)
		}
		if fmt.Sprint(show(home, start)) != fmt.Sprint(show(replica, start)) || home.proofs() != replica.proofs() {
			t.Fatalf("home has %v, replica %v", show(home, start), show(replica, start))
		}
	})
}
