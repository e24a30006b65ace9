package location

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// melded is what a member has of a record after it has merged another copy.
func melded(a, b Record) Record { return merged(merged(a, b), Reordered(a, b)) }

// sentOver is a record sent to another member.
func sentOver(t rapid.TB, r Record, stamp Version, now int64) Record {
	b := AppendRecord(nil, r, now)
	if stamp != (Version{}) {
		b = AppendDelta(nil, r, now, stamp)
	}
	r, _, _, err := ParseRecord(nil, b, now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Who has both states makes the same of them, whichever came first, and members that exchange what they have come to have
// the same.
func TestReorderedAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawRecord(t), drawRecord(t)
		if !equal(Reordered(a, b), Reordered(b, a)) {
			t.Fatalf("%v and %v", show(Reordered(a, b), start), show(Reordered(b, a), start))
		}
		if !Reordered(a, a).IsZero() && equal(melded(a, a), a) {
			t.Fatal("what is no news")
		}
		for range 9 {
			a, b = melded(a, b), melded(b, a)
		}
		if !equal(a, b) {
			t.Fatalf("%v and %v", show(a, start), show(b, start))
		}
	})
}

// What was ordered by one who knew what was there stays as it was ordered where all of it arrives: phones begin anew with a
// lower CSeq.
func TestReorderedLeavesWhatWasOrdered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		home, replica, now := Record{}, Record{}, start
		for range rapid.IntRange(1, 15).Draw(t, "updates") {
			now += rapid.SampledFrom([]int64{10, 1000, 20_000, OrderFor + 1, 2 * OrderFor}).Draw(t, "later")
			u := drawUpdate(t, rapid.Uint32Range(1, 40).Draw(t, "cseq"))
			after, res := applied(now, home, &u, Limits{Untold: rapid.Bool().Draw(t, "untold")}, uint64(now), 1)
			if home = after; !res.Changed {
				continue
			}
			d := sentOver(t, home, res.Stamp, now)
			if r := Reordered(replica, d); !r.IsZero() {
				t.Fatalf("%v over %v gives %v", states(d), states(replica), states(r))
			}
			replica = merged(replica, d)
		}
	})
}

// What was followed by a request far above orders no more, as where the two were ordered: a phone has begun anew.
func TestReorderedByTheNewestAlone(t *testing.T) {
	there := Record{}
	for i, u := range []Update{star("a", 2), register("a", 20, contact("sip:a@1", 0)), star("a", 1)} {
		now := start + int64(i)
		after, res := applied(now, there, &u, Limits{}, uint64(now), 1)
		if res.Status != StatusOK {
			t.Fatalf("update %d: %d", i, res.Status)
		}
		if r := Reordered(there, sentOver(t, after, res.Stamp, now)); !r.IsZero() {
			t.Errorf("update %d: %v", i, states(r))
		}
		there = after
	}
}

// A copy of a request that comes late, to one who has not heard of what came after it, undoes nothing of that.
func TestReorderedUndoesWhatIsLate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		home, other, now := Record{}, Record{}, start
		n := rapid.IntRange(2, 9).Draw(t, "updates")
		heard := rapid.IntRange(0, n-1).Draw(t, "heard")
		var sentAt []int64
		var asked []Update
		for i := range n {
			now += rapid.SampledFrom([]int64{10, 1000, 10_000, OrderFor + 1}).Draw(t, "later")
			u := sent(uint32(i+1), register("a", uint32(i+20), contact("sip:a@1", rapid.SampledFrom([]uint32{0, 60, 3600}).Draw(t, "expires"))))
			if rapid.IntRange(0, 5).Draw(t, "star") == 0 {
				u.Star, u.Contacts = true, nil
			}
			var res Result
			if home, res = applied(now, home, &u, Limits{}, uint64(now), 1); res.Status != StatusOK {
				t.Fatalf("update %d: %d", i, res.Status)
			}
			if i < heard {
				other = melded(other, sentOver(t, home, res.Stamp, now))
			}
			sentAt, asked = append(sentAt, now), append(asked, u)
		}
		want := fmt.Sprint(show(home, now))
		i := rapid.IntRange(heard, n-1).Draw(t, "late")
		at := now + rapid.Int64Range(1, OrderFor-1).Draw(t, "waits")
		if at-sentAt[i] >= OrderFor || at-now >= 10_000 {
			t.Skip("no longer under way, or what was left is over")
		}
		other, _ = applied(at, other, &asked[i], Limits{}, uint64(at), 2)
		if i == n-1 {
			return // it is what is left
		}
		for _, r := range []Record{melded(sentOver(t, home, Version{}, at), other), melded(other, sentOver(t, home, Version{}, at))} {
			if got := fmt.Sprint(show(r, now)); got != want {
				t.Fatalf("%v is left, of %v and %v", states(r), states(home), states(other))
			}
		}
	})
}

// states lists all of a record.
func states(r Record) (list []string) {
	for b := range r.All() {
		list = append(list, fmt.Sprintf("%s %s %d, deleted %v at %d, over at %d, version %d, %v", b.Contact, b.CallID, b.CSeq, b.Deleted,
			b.ExpiresAt-start, b.endsAt()-start, b.Version.Counter-uint64(start), b.Window))
	}
	return list
}
