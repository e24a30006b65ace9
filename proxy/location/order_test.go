package location

import (
	"testing"

	"pgregory.net/rapid"
)

// sent is an update with a fingerprint, as a request from a phone has.
func sent(fingerprint uint32, u Update) Update {
	u.Fingerprint = fingerprint
	return u
}

// RFC 3261 section 10.3 step 7 compares with a binding that exists. A phone that always has the same Call-ID and begins
// anew is not a datagram that is late.
func TestOrder(t *testing.T) {
	x, y := contact("sip:a@1", 3600), contact("sip:a@2", 3600)
	short, gone, yGone := contact("sip:a@1", 2), contact("sip:a@1", 0), contact("sip:a@2", 0)
	for name, tt := range map[string]story{
		"live: begun anew is out of order": {
			steps: []step{{update: sent(1, register("a", 20, x))}, {at: 9, update: sent(2, register("a", 1, x)), want: 500}},
			at:    9, want: []string{"sip:a@1 3591 20"},
		},
		"live: a retransmission whatever it says now": {
			steps: []step{{update: sent(1, register("a", 5, x, gone, x))}, {at: 9, update: sent(1, register("a", 5, x, gone, x))}},
			at:    9, want: []string{"sip:a@1 3591 5"},
		},
		"live: another request of the same CSeq that asks for what is there": {
			steps: []step{{update: sent(1, register("a", 5, x))}, {at: 9, update: sent(2, register("a", 5, x))}},
			at:    9, want: []string{"sip:a@1 3591 5"},
		},
		"live: a removal with the CSeq of the registration": {
			steps: []step{{update: sent(1, register("a", 5, x))}, {at: 9, update: sent(2, register("a", 5, gone)), want: 500}},
			at:    9, want: []string{"sip:a@1 3591 5"},
		},
		"live: * with the CSeq of the registration": {
			steps: []step{{update: sent(1, register("a", 5, x))}, {at: 9, update: sent(2, star("a", 5)), want: 500}},
			at:    9, want: []string{"sip:a@1 3591 5"},
		},
		"live: less time with the CSeq of the registration": {
			steps: []step{{update: sent(1, register("a", 5, x))}, {at: 9, update: sent(2, register("a", 5, short)), want: 500}},
			at:    9, want: []string{"sip:a@1 3591 5"},
		},
		"live, fingerprints unknown: what differs is no retransmission": {
			steps: []step{{update: register("a", 5, x)}, {at: 9, update: register("a", 5, gone), want: 500}},
			at:    9, want: []string{"sip:a@1 3591 5"},
		},
		"expired: begun anew": {
			steps: []step{{update: sent(1, register("a", 20, short))}, {at: 3, update: sent(2, register("a", 1, x))}},
			at:    3, want: []string{"sip:a@1 3600 1"},
		},
		"expired, beside another that lives": {
			steps: []step{
				{update: register("b", 1, y)}, {update: sent(1, register("a", 20, short))}, {at: 3, update: sent(2, register("a", 1, x))},
			},
			at: 3, want: []string{"sip:a@1 3600 1", "sip:a@2 3597 1"},
		},
		"expired: begun anew with the same CSeq": {
			steps: []step{{update: sent(1, register("a", 1, short))}, {at: 3, update: sent(2, register("a", 1, x))}},
			at:    3, want: []string{"sip:a@1 3600 1"},
		},
		"expired: a retransmission": {
			steps: []step{{update: sent(1, register("a", 1, short))}, {at: 3, update: sent(1, register("a", 1, short))}}, at: 3,
		},
		"expired: what was sent before": {
			steps: []step{{update: sent(2, register("a", 2, short))}, {at: 3, update: sent(1, register("a", 1, x)), want: 500}}, at: 3,
		},
		"expired: nothing from before a grant of a minute is late": {
			steps: []step{{update: sent(2, register("a", 2, contact("sip:a@1", 70)))}, {at: 71, update: sent(3, register("a", 1, x))}},
			at:    71, want: []string{"sip:a@1 3600 1"},
		},
		"removed: begun anew": {
			steps: []step{
				{update: sent(1, register("a", 20, x))}, {update: sent(2, register("a", 21, gone))}, {at: 1, update: sent(3, register("a", 1, x))},
			},
			at: 1, want: []string{"sip:a@1 3600 1"},
		},
		"removed: begun anew with the first CSeq": {
			steps: []step{
				{update: sent(1, register("a", 1, x))}, {update: sent(2, register("a", 2, gone))}, {at: 1, update: sent(3, register("a", 1, x))},
			},
			at: 1, want: []string{"sip:a@1 3600 1"},
		},
		"removed: begun anew with the same CSeq": {
			steps: []step{
				{update: sent(1, register("a", 1, x))}, {update: sent(2, register("a", 2, gone))}, {at: 1, update: sent(3, register("a", 2, x))},
			},
			at: 1, want: []string{"sip:a@1 3600 2"},
		},
		"removed: begun anew a long time after the first CSeq": {
			steps: []step{
				{update: sent(1, register("a", 1, x))},
				{at: 1800, update: sent(2, register("a", 2, x))},
				{at: 3000, update: sent(3, register("a", 3, gone))},
				{at: 3001, update: sent(4, register("a", 1, x))},
			},
			at: 3001, want: []string{"sip:a@1 3600 1"},
		},
		"removed: what was registered before, again": {
			steps: []step{
				{update: sent(1, register("a", 1, x))},
				{update: sent(2, register("a", 2, gone))},
				{at: 31, update: sent(1, register("a", 1, x)), want: 500},
			},
			at: 31,
		},
		"removed: each of the requests before, again": {
			steps: []step{
				{update: sent(1, register("a", 1, x))},
				{at: 1, update: sent(2, register("a", 2, x))},
				{at: 2, update: sent(20, register("a", 20, x))},
				{at: 3, update: sent(21, register("a", 21, gone))},
				{at: 4, update: sent(1, register("a", 1, x)), want: 500},
				{at: 4, update: sent(2, register("a", 2, x)), want: 500},
				{at: 4, update: sent(20, register("a", 20, x)), want: 500},
			},
			at: 4,
		},
		"removed: a request that has not been seen": {
			steps: []step{
				{update: sent(1, register("a", 7, x))},
				{update: sent(2, register("a", 9, gone))},
				{at: 1, update: sent(3, register("a", 8, x)), want: 500},
				{at: 1, update: sent(4, register("a", 2, x)), want: 500},
			},
			at: 1,
		},
		"removed: CSeq from a clock": {
			steps: []step{
				{update: sent(1, register("a", 1_000_000, x))},
				{at: 20, update: sent(2, register("a", 1_020_000, x))},
				{at: 21, update: sent(3, register("a", 1_121_000, gone))},
				{at: 22, update: sent(2, register("a", 1_020_000, x)), want: 500},
			},
			at: 22,
		},
		"removed twice: begun anew with the first CSeq": {
			steps: []step{
				{update: sent(1, register("a", 1, x))},
				{update: sent(2, register("a", 2, gone))},
				{update: sent(3, register("a", 3, gone))},
				{at: 1, update: sent(1, register("a", 1, x)), want: 500},
				{at: 1, update: sent(4, register("a", 1, x))},
			},
			at: 1, want: []string{"sip:a@1 3600 1"},
		},
		"removed: the removal again": {
			steps: []step{
				{update: sent(1, register("a", 1, x))},
				{update: sent(2, register("a", 2, gone))},
				{at: 1, update: sent(2, register("a", 2, gone))},
				{at: 1, update: sent(1, register("a", 1, x)), want: 500},
			},
			at: 1,
		},
		"removed again by a later request: what is between them is older": {
			steps: []step{
				{update: sent(1, register("a", 1, x))},
				{update: sent(2, register("a", 2, gone))},
				{update: sent(4, register("a", 4, gone))},
				{at: 1, update: sent(3, register("a", 3, x)), want: 500},
			},
			at: 1,
		},
		"removed 33 s ago: no order any more": {
			steps: []step{
				{update: sent(1, register("a", 1, x))}, {update: sent(2, register("a", 2, gone))}, {at: 33, update: sent(1, register("a", 1, x))},
			},
			at: 33, want: []string{"sip:a@1 3600 1"},
		},
		"removed by *: begun anew": {
			steps: []step{{update: sent(1, register("a", 20, x))}, {update: sent(2, star("a", 21))}, {update: sent(3, register("a", 1, x))}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"removed by *: begun anew with the first CSeq": {
			steps: []step{{update: sent(1, register("a", 1, x))}, {update: sent(2, star("a", 2))}, {update: sent(3, register("a", 1, x))}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"removed by *: begun anew with the same CSeq": {
			steps: []step{{update: sent(1, register("a", 1, x))}, {update: sent(2, star("a", 2))}, {update: sent(3, register("a", 2, x))}},
			want:  []string{"sip:a@1 3600 2"},
		},
		"removed by *: what was registered before, again": {
			steps: []step{
				{update: sent(1, register("a", 1, x, y))},
				{update: sent(2, star("a", 2))},
				{at: 31, update: sent(1, register("a", 1, x, y)), want: 500},
				{at: 31, update: sent(1, register("a", 1, x)), want: 500},
			},
			at: 31,
		},
		"begun anew: what follows is ordered by the new beginning": {
			steps: []step{
				{update: sent(1, register("a", 20, x))},
				{update: sent(2, star("a", 21))},
				{update: sent(3, register("a", 11, x))},
				{at: 1, update: sent(4, register("a", 12, x))},
				{at: 2, update: sent(5, star("a", 14))},
				{at: 3, update: sent(6, register("a", 13, x)), want: 500},
			},
			at: 3,
		},
		"nothing there: an older registration comes after its removal": {
			steps: []step{{update: sent(2, register("a", 2, gone))}, {at: 31, update: sent(1, register("a", 1, x)), want: 500}}, at: 31,
		},
		"nothing there: a later registration": {
			steps: []step{{update: sent(2, register("a", 2, gone))}, {at: 1, update: sent(3, register("a", 3, x))}},
			at:    1, want: []string{"sip:a@1 3600 3"},
		},
		"nothing there: an older registration comes after *": {
			steps: []step{{update: sent(2, star("a", 2))}, {at: 31, update: sent(1, register("a", 1, x)), want: 500}}, at: 31,
		},
		"nothing there: * is of its Call-ID": {
			steps: []step{
				{update: sent(2, star("a", 2))},
				{update: sent(9, star("b", 2))},
				{at: 1, update: sent(1, register("a", 1, x)), want: 500},
				{at: 1, update: sent(3, register("c", 1, y))},
			},
			at: 1, want: []string{"sip:a@2 3600 1"},
		},
		"nothing there: * again does not remove what came after it": {
			steps: []step{{update: sent(2, star("a", 2))}, {update: sent(3, register("b", 1, x))}, {update: sent(2, star("a", 2))}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"nothing there: another * of a later CSeq does": {
			steps: []step{{update: sent(2, star("a", 2))}, {update: sent(3, register("b", 1, x))}, {update: sent(4, star("a", 3))}},
		},
		"one contact of many is ordered by its own": {
			steps: []step{
				{update: sent(1, register("a", 1, x))},
				{update: sent(2, register("a", 2, y))},
				{update: sent(3, register("a", 3, yGone))},
				{at: 1, update: sent(4, register("a", 4, x))},
			},
			at: 1, want: []string{"sip:a@1 3600 4"},
		},
	} {
		t.Run(name, tt.check)
	}
}

// The clock of the member that orders now does not make a removal older than it is.
func TestOrderWithClocksApart(t *testing.T) {
	var r Record
	for i, u := range []Update{
		sent(1, register("a", 1, contact("sip:a@1", 3600))), sent(2, register("a", 3, contact("sip:a@1", 0))),
		sent(3, register("a", 2, contact("sip:a@1", 3600))),
	} {
		var res Result
		clock := [...]int64{start, start, start + 900_000}[i]
		if r, res = applied(start+int64(i), r, &u, Limits{}, uint64(clock), 1); res.Status != [...]int{200, 200, 500}[i] {
			t.Errorf("CSeq %d: %d", u.CSeq, res.Status)
		}
	}
}

// A removal that another member says is still to come does not order until then.
func TestOrderByAFutureRemoval(t *testing.T) {
	u := sent(2, register("a", 2, contact("sip:a@1", 0)))
	r, _ := applied(start, Record{}, &u, Limits{}, uint64(start), 1)
	for ahead, want := range map[int64]int{OrderFor: 500, OrderFor + 1: 200} {
		u = sent(1, register("a", 1, contact("sip:a@1", 60)))
		if _, res := applied(start-ahead, r, &u, Limits{}, uint64(start), 1); res.Status != want {
			t.Errorf("%d ms ahead: %d, want %d", ahead, res.Status, want)
		}
	}
}

// What has expired orders for its time, whether it has been purged or not.
func TestShortBindingsOrder(t *testing.T) {
	s := NewStore(1)
	apply := func(now int64, u Update) int {
		s.Purge(now, 0)
		return s.Apply(now, 0, 1, &u, Limits{}, uint64(now), 1).Status
	}
	first, second := sent(1, register("a", 1, contact("sip:a@1", 60))), sent(2, register("a", 2, contact("sip:a@1", 1)))
	apply(start, second)
	if status := apply(start+30_000, first); status != 500 {
		t.Errorf("what was sent before: %d", status)
	}
	apply(start+30_000, second)
	if r := s.Get(0, first.AOR); r.LiveCount(start+30_000) != 0 {
		t.Errorf("a retransmission made %v", show(r, start+30_000))
	}
	if s.Purge(start+OrderFor, 0); s.Stats().Records != 0 {
		t.Error("remembered for longer")
	}
}

// Whatever a phone sends, in whatever order and however often it arrives within half a minute: what is there in the end is
// what its last request asked for, once that has arrived and been granted.
func TestLateDatagramsChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Uint32Range(1, 100).Draw(t, "first")
		requests := []Update{}
		for i := range rapid.Uint32Range(1, 8).Draw(t, "requests") {
			u := sent(100+i, register("a", first+i, contact("sip:a@1", rapid.SampledFrom([]uint32{0, 60, 3600}).Draw(t, "expires"))))
			if rapid.IntRange(0, 4).Draw(t, "star") == 0 {
				u = sent(100+i, star("a", first+i))
			}
			requests = append(requests, u)
		}
		last := &requests[len(requests)-1]
		var r Record
		now, granted := start, false
		for i := range rapid.IntRange(len(requests), 20).Draw(t, "arrivals") {
			u := &requests[rapid.IntRange(0, len(requests)-1).Draw(t, "request")]
			if i == len(requests)/2 {
				u = last
			}
			var res Result
			r, res = applied(now, r, u, Limits{}, uint64(now), 1)
			granted = granted || u == last
			if u == last && res.Status != 200 {
				t.Fatalf("the last request is answered %d", res.Status)
			}
			want := 0
			if !last.Star && last.Contacts[0].Expires > 0 {
				want = 1
			}
			if granted && r.LiveCount(now) != want {
				t.Fatalf("after CSeq %d there is %v", u.CSeq, show(r, now))
			}
			now += rapid.Int64Range(0, 1500).Draw(t, "ms")
		}
	})
}

// A window covers what was sent within the last half minute, and no more than in three such times, however far the clock
// of versions moves ahead meanwhile.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Record
		now, ahead, cseq := start, int64(0), rapid.Uint32Range(100, 1<<31).Draw(t, "cseq")
		written := map[uint32]int64{}
		write := func(expires uint32) {
			u := register("a", cseq, contact("sip:a@1", expires))
			r, _ = applied(now, r, &u, Limits{}, uint64(now+ahead), 1)
		}
		for range rapid.IntRange(1, 30).Draw(t, "refreshes") {
			write(rapid.SampledFrom([]uint32{2, 60, 3600}).Draw(t, "expires"))
			written[cseq] = now
			cseq += rapid.Uint32Range(1, 3).Draw(t, "step")
			now += rapid.Int64Range(1, 40_000).Draw(t, "ms")
			ahead += rapid.SampledFrom([]int64{0, 0, 900_000}).Draw(t, "ahead")
		}
		write(0)
		for b := range r.All() {
			for old, at := range written {
				switch late := b.mayBeLate(old, now); {
				case !late && now-at < OrderFor:
					t.Fatalf("what was sent %d ms ago counts as past", now-at)
				case late && now-at > 3*OrderFor:
					t.Fatalf("what was sent %d ms ago counts as late", now-at)
				}
			}
		}
	})
}

// What has expired orders what was sent before it, and a removal what was sent before the binding that it removes, though
// the clock of versions has moved ahead since.
func TestOrderWhenVersionsMoveAhead(t *testing.T) {
	for name, last := range map[string]Update{
		"expired": sent(5, register("a", 40, contact("sip:a@1", 2))), "removed": sent(5, register("a", 40, contact("sip:a@1", 0))),
	} {
		t.Run(name, func(t *testing.T) {
			var r Record
			var res Result
			apply := func(at int64, clock int64, u Update) int {
				r, res = applied(start+at, r, &u, Limits{}, uint64(start+clock), 1)
				return res.Status
			}
			late := sent(1, register("a", 1, contact("sip:a@1", 60)))
			apply(0, 0, late)
			for i := range uint32(3) {
				apply(1000+int64(i)*1000, int64(i)*900_000, sent(2+i, register("a", 10+10*i, contact("sip:a@1", 60))))
			}
			apply(5000, 2_700_000, last)
			if got := apply(10_000, 3_600_000, late); got != 500 {
				t.Errorf("what was sent 10 s ago is answered %d", got)
			}
		})
	}
}
