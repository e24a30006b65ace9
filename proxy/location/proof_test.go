package location

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// nonceOf is the nonce made at a second.
func nonceOf(second int64) uint64 { return uint64(start+1000*second) << nonceTime }

// proving is u, which source sends, with the nonce made at a second.
func proving(source uint64, second int64, count uint32, u Update) Update {
	u.Source, u.Proof = source, Proof{Nonce: nonceOf(second), Count: count}
	return u
}

// An AOR takes a nonce with rising counts only, whatever else is in a request. Source 1 is the phone's, 2 is another phone's and
// 6 that of who has seen what they sent.
func TestReplay(t *testing.T) {
	x, y, evil := contact("sip:a@1", 3600), contact("sip:a@2", 3600), contact("sip:evil@6", 3600)
	gone, short := contact("sip:a@1", 0), contact("sip:a@1", 2)
	bound := proving(1, 0, 1, sent(1, register("a", 1, x)))
	many := register("a", 2)
	for i := range 11 {
		many.Contacts = append(many.Contacts, contact(fmt.Sprintf("sip:a@%d", i), 60))
	}
	for name, tt := range map[string]story{
		"a count above the last": {
			steps: []step{{update: bound}, {update: proving(1, 0, 2, register("a", 2, x))}},
			want:  []string{"sip:a@1 3600 2"},
		},
		"the same count, another contact": {
			steps: []step{{update: bound}, {update: proving(6, 0, 1, sent(1, register("a", 1, evil))), want: 401}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"the same count, another Call-ID": {
			steps: []step{{update: bound}, {update: proving(6, 0, 1, sent(9, register("b", 1, evil))), want: 401}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"the same count, a higher CSeq": {
			steps: []step{{update: bound}, {update: proving(6, 0, 1, sent(9, register("a", 9, x))), want: 401}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"the same count, from the same source": {
			steps: []step{{update: bound}, {update: proving(1, 0, 1, sent(9, register("a", 2, x))), want: 401}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"the same count, to remove": {
			steps: []step{{update: bound}, {update: proving(6, 0, 1, sent(9, register("a", 2, gone))), want: 401}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"the same count, to remove all": {
			steps: []step{{update: bound}, {update: proving(6, 0, 1, sent(9, star("b", 1))), want: 401}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"a lower count": {
			steps: []step{{update: proving(1, 0, 5, register("a", 1, x))}, {update: proving(6, 0, 4, register("b", 1, evil)), want: 401}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"a count of 0": {
			steps: []step{{update: bound}, {update: proving(6, 0, 0, register("b", 1, evil)), want: 401}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"a retransmission": {
			steps: []step{{update: bound}, {update: bound}, {at: 20, update: bound}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"a retransmission that comes from elsewhere": {
			steps: []step{{update: bound}, {update: proving(6, 0, 1, sent(1, register("a", 1, x))), want: 401}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"a retransmission with another contact beside": {
			steps: []step{{update: bound}, {update: proving(1, 0, 1, sent(1, register("a", 1, x, evil))), want: 401}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"a retransmission that is late is out of order": {
			steps: []step{{update: bound}, {update: proving(1, 0, 2, sent(2, register("a", 2, x)))}, {update: bound, want: 500}},
			want:  []string{"sip:a@1 3600 2"},
		},
		"a retransmission of a removal": {
			steps: []step{
				{update: bound},
				{update: proving(1, 0, 2, sent(2, register("a", 2, gone)))},
				{update: proving(1, 0, 2, sent(2, register("a", 2, gone)))},
			},
		},
		"nonces of several phones": {
			steps: []step{
				{update: bound},
				{update: proving(2, 30, 1, register("b", 1, y))},
				{update: proving(1, 0, 2, register("a", 2, x))},
				{update: proving(2, 30, 2, register("b", 2, y))},
				{update: proving(6, 30, 2, register("c", 1, evil)), want: 401},
			},
			want: []string{"sip:a@1 3600 2", "sip:a@2 3600 2"},
		},
		"an older nonce that nobody has used": {
			steps: []step{{update: proving(2, 30, 1, register("b", 1, y))}, {update: bound}},
			want:  []string{"sip:a@1 3600 1", "sip:a@2 3600 1"},
		},
		"two phones with one nonce": {
			steps: []step{{update: bound}, {update: proving(2, 0, 2, register("b", 1, y))}, {update: proving(1, 0, 2, register("a", 2, x)), want: 401}},
			want:  []string{"sip:a@1 3600 1", "sip:a@2 3600 1"},
		},
		"after another nonce": {
			steps: []step{{update: bound}, {at: 60, update: proving(1, 60, 1, register("a", 2, x))}, {at: 61, update: proving(6, 0, 1, register("b", 1, evil)), want: 401}},
			at:    60, want: []string{"sip:a@1 3600 2"},
		},
		"after the removal": {
			steps: []step{
				{update: bound},
				{at: 1, update: proving(1, 0, 2, register("a", 2, gone))},
				{at: 2, update: proving(6, 0, 1, sent(1, register("a", 1, evil))), want: 401},
				{at: 3500, update: proving(6, 0, 2, register("b", 1, evil)), want: 401},
			},
			at: 3500,
		},
		"after another phone's Contact: *": {
			steps: []step{
				{update: bound}, {at: 1, update: proving(2, 1, 1, star("b", 1))}, {at: 3500, update: proving(6, 0, 1, register("c", 1, evil)), want: 401},
			},
			at: 3500,
		},
		"after the binding has ended": {
			steps: []step{
				{update: proving(1, 0, 1, register("a", 1, short))},
				{at: 30, update: proving(6, 0, 1, register("b", 1, evil)), want: 401},
				{at: 3500, update: proving(6, 0, 1, register("b", 1, evil)), want: 401},
			},
			at: 3500,
		},
		"after the binding has made room": {
			limit: 1,
			steps: []step{
				{update: bound},
				{at: 1, update: proving(2, 1, 1, register("b", 1, y))},
				{at: 2, update: proving(6, 0, 1, register("c", 1, evil)), want: 401},
				{at: 3500, update: proving(6, 0, 1, register("c", 1, evil)), want: 401},
			},
			at: 3500, want: []string{"sip:a@2 101 1"},
		},
		"of a fetch, to bind": {
			steps: []step{{update: proving(1, 0, 1, register("a", 1))}, {update: proving(6, 0, 1, register("a", 1, evil)), want: 401}},
		},
		"of a fetch, to fetch": {
			steps: []step{{update: proving(1, 0, 1, register("a", 1))}, {update: proving(6, 0, 1, register("a", 1)), want: 401}},
		},
		"a retransmission of a fetch": {
			steps: []step{{update: proving(1, 0, 1, register("a", 1))}, {update: proving(1, 0, 1, register("a", 1))}},
		},
		"a retransmission of a fetch, as late as one can be": {
			steps: []step{{update: proving(1, 0, 1, register("a", 1))}, {at: 41, update: proving(1, 0, 1, register("a", 1))}},
		},
		"a copy of a fetch that no phone sends any more": {
			steps: []step{{update: proving(1, 0, 1, register("a", 1))}, {at: 42, update: proving(1, 0, 1, register("a", 1)), want: 401}},
		},
		"a copy of what binds that no phone sends any more": {
			steps: []step{{update: bound}, {at: 42, update: bound, want: 401}},
			at:    42, want: []string{"sip:a@1 3558 1"},
		},
		"of what binds, to fetch": {
			steps: []step{{update: bound}, {update: proving(6, 0, 1, register("a", 1)), want: 401}},
			want:  []string{"sip:a@1 3600 1"},
		},
		"of what was out of order": {
			steps: []step{
				{update: register("a", 9, x)}, {update: proving(1, 0, 1, register("a", 8, x)), want: 500}, {update: proving(6, 0, 1, register("b", 1, evil)), want: 401},
			},
			want: []string{"sip:a@1 3600 9"},
		},
		"of what had too many contacts": {
			steps: []step{{update: proving(1, 0, 1, many), want: 403}, {update: proving(6, 0, 1, register("b", 1, evil)), want: 401}},
		},
		"who proves nothing is not asked to": {
			steps: []step{{update: bound}, {update: register("a", 2, x)}, {update: register("a", 3)}, {update: proving(6, 0, 1, register("b", 1, evil)), want: 401}},
			want:  []string{"sip:a@1 3600 2"},
		},
	} {
		t.Run(name, tt.check)
	}
}

// The oldest nonces make room, and count as used with all that are older still. What is not needed is that a phone loses a nonce
// that is good, while there is one that is over.
func TestNoncesMakeRoom(t *testing.T) {
	type used struct {
		second int64
		count  uint32
		want   int
	}
	for name, tt := range map[string]struct {
		life, every int64 // s
		nonces      int   // so many, one after the other
		left        int
		then        []used
	}{
		"one after the other": {
			life: 300, every: 301, nonces: 9, left: 1,
			then: []used{{7 * 301, 2, 401}, {8 * 301, 2, 200}, {8*301 - 1, 1, 200}},
		},
		"three at a time": {
			life: 300, every: 101, nonces: 30, left: 3,
			then: []used{{26 * 101, 2, 401}, {27 * 101, 2, 200}, {28 * 101, 2, 200}, {28*101 - 1, 1, 200}},
		},
		"more than there may be": {
			life: 300, every: 1, nonces: 20, left: maxProofs,
			then: []used{{3, 2, 401}, {2, 7, 401}, {-9, 1, 401}, {4, 2, 200}, {19, 1, 401}, {19, 2, 200}},
		},
		"of unknown life": {
			every: 301, nonces: 9, left: 9, then: []used{{0, 1, 401}, {0, 2, 200}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var r Record
			lim := Limits{NonceLife: 1000 * tt.life}
			now := start
			for i := range tt.nonces {
				now = start + 1000*tt.every*int64(i)
				u := proving(1, tt.every*int64(i), 1, register("a", uint32(i+1), contact("sip:a@1", 3600)))
				var res Result
				if r, res = applied(now, r, &u, lim, uint64(now), 1); res.Status != 200 {
					t.Fatalf("nonce %d: %d", i, res.Status)
				}
			}
			if s := r.proofs(); s.n != tt.left {
				t.Errorf("%d nonces are remembered, want %d", s.n, tt.left)
			}
			for _, x := range tt.then {
				u := proving(1, x.second, x.count, register("b", 1, contact("sip:b@1", 3600)))
				if _, res := applied(now, merged(Record{}, r), &u, lim, uint64(now), 1); res.Status != x.want {
					t.Errorf("the nonce of second %d with count %d: %d, want %d", x.second, x.count, res.Status, x.want)
				}
			}
		})
	}
}

// A nonce older than all that there is room for is good once.
func TestNonceBelowAll(t *testing.T) {
	var r Record
	for i := range maxProofs {
		u := proving(1, int64(i), 1, register("a", uint32(i+1), contact("sip:a@1", 3600)))
		r, _ = applied(start, r, &u, Limits{}, uint64(start), 1)
	}
	for i, want := range []int{200, 401} {
		count := uint32(i + 1)
		u := proving(2, -5, count, register("b", count, contact("sip:b@1", 3600)))
		var res Result
		if r, res = applied(start, r, &u, Limits{}, uint64(start), 1); res.Status != want {
			t.Errorf("count %d: %d, want %d", count, res.Status, want)
		}
	}
}

// What was proved outlives the bindings of an AOR for as long as any nonce can be good, and no longer.
func TestProvedIsForgotten(t *testing.T) {
	s := NewStore(1)
	u := proving(1, 0, 1, register("a", 1, contact("sip:a@1", 60)))
	s.Apply(start, 0, 1, &u, Limits{NonceLife: 1000}, uint64(start), 1)
	s.Purge(start+provedFor-1, 0)
	if got := s.Stats(); got.Records != 1 || got.Bindings != 0 {
		t.Errorf("the moment before it is over: %+v", got)
	}
	replay := proving(6, 0, 1, register("b", 1, contact("sip:b@1", 60)))
	if res := s.Apply(start+provedFor-1, 0, 1, &replay, Limits{}, uint64(start), 1); res.Status != StatusReplayed {
		t.Errorf("a replay the moment before: %d", res.Status)
	}
	if s.Purge(start+provedFor, 0); s.Stats().Records != 0 {
		t.Error("it is remembered for longer than a nonce is good")
	}
	if fewest := int64(longestNonce); provedFor < fewest+lateness {
		t.Error("it is not remembered for as long as an update may take")
	}
}

// Without room what was proved makes a known record no larger than by one nonce, and an unknown AOR is refused, whatever
// it asks for; a known one is refused no refresh.
func TestProofsAndRoom(t *testing.T) {
	for name, tt := range map[string]struct {
		nonces int // before
		update Update
		room   Room
		want   int
		grows  int
	}{
		"a first proof":               {0, proving(1, 50, 1, register("a", 20, contact("sip:a@1", 60))), NoRoom, 200, proofsHead + proofSize},
		"a second nonce":              {1, proving(1, 50, 1, register("a", 20, contact("sip:a@1", 60))), NoRoom, 200, 0},
		"a seventh nonce":             {6, proving(1, 50, 1, register("a", 20, contact("sip:a@1", 60))), NoRoom, 200, 0},
		"a second nonce, to fetch":    {1, proving(1, 50, 1, register("a", 20)), NoRoom, 200, 0},
		"a second nonce, with room":   {1, proving(1, 50, 1, register("a", 20, contact("sip:a@1", 60))), RoomForKnown, 200, proofSize},
		"a proof with what is larger": {1, proving(1, 50, 1, register("a", 20, contact("sip:a@2", 60))), NoRoom, 507, 0},
		"a fetch of an unknown AOR":   {-1, proving(1, 50, 1, register("a", 20)), RoomForKnown, 507, 0},
		"an unknown AOR":              {-1, proving(1, 50, 1, register("a", 20, contact("sip:a@1", 60))), RoomForKnown, 507, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var r Record
			if tt.nonces == 0 {
				u := of(1, aor, register("a", 1, contact("sip:a@1", 60)))
				r, _ = applied(start, r, &u, Limits{}, uint64(start), 1)
			}
			for i := range tt.nonces {
				u := proving(1, int64(i), 1, register("a", uint32(i+1), contact("sip:a@1", 60)))
				r, _ = applied(start, r, &u, Limits{}, uint64(start), 1)
			}
			before := r.Size()
			r, res := applied(start, r, &tt.update, Limits{Room: tt.room}, uint64(start), 1)
			if res.Status != tt.want || r.Size()-before != tt.grows {
				t.Errorf("status %d, want %d; grown by %d bytes, want %d", res.Status, tt.want, r.Size()-before, tt.grows)
			}
			replay := proving(6, 50, 1, register("c", 1))
			if _, res := applied(start, r, &replay, Limits{}, uint64(start), 1); tt.nonces >= 0 && res.Status != StatusReplayed {
				t.Errorf("the proof, used again: %d", res.Status)
			}
		})
	}
}

// A proof is used up too where a source that has its share of the room is refused something for an AOR that is known.
func TestProofBeyondTheShare(t *testing.T) {
	s := fullOfOne()
	known := of(2, "sip:other@b.example", register("b", 1, contact("sip:b@1", 3600)))
	budget := s.Stats().Bytes * 8 / 7
	u := proving(1, 0, 1, register("c", 1, contact("sip:c@1", 3600)))
	u.AOR = known.AOR
	before := show(s.Get(0, known.AOR), start)
	if res := s.Apply(start, 0, 0, &u, Limits{Budget: budget}, uint64(start), 1); res.Status != StatusSourceFull || !res.Changed {
		t.Fatalf("the source has its share, and gets %+v", res)
	}
	if diff := cmp.Diff(before, show(s.Get(0, known.AOR), start)); diff != "" {
		t.Errorf("refused, and changed: %s", diff)
	}
	replay := proving(6, 0, 1, register("d", 1, contact("sip:evil@6", 3600)))
	replay.AOR = known.AOR
	if res := s.Apply(start, 0, 0, &replay, Limits{}, uint64(start), 1); res.Status != StatusReplayed {
		t.Errorf("the proof, used again: %d", res.Status)
	}
}

// A refresh with a proof overwrites numbers alone, with the next count of a nonce and with another nonce in its place.
func TestProvedRefreshDoesNotAllocate(t *testing.T) {
	for name, step := range map[string]func(*Proof){
		"the next count": func(p *Proof) { p.Count++ },
		"another nonce":  func(p *Proof) { p.Nonce += 301_000 << nonceTime },
	} {
		t.Run(name, func(t *testing.T) {
			s, replica := NewStore(1), NewStore(1)
			u := proving(1, 0, 1, register("call", 1, contact("sip:alice@192.0.2.1:5060", 3600)))
			lim := Limits{NonceLife: 300_000}
			s.Apply(start, 0, 1, &u, lim, uint64(start), 1)
			replica.Merge(0, 1, s.Get(0, u.AOR))
			var wire, buf []byte
			now := start
			if n := testing.AllocsPerRun(100, func() {
				now++
				u.CSeq++
				step(&u.Proof)
				res := s.Apply(now, 0, 1, &u, lim, uint64(now), 1)
				wire = AppendDelta(wire[:0], s.Get(0, u.AOR), now, res.Stamp)
				r, grown, _, err := ParseRecord(buf, wire, now)
				if buf = grown; err != nil || res.Status != 200 || !replica.Merge(0, 1, r) {
					t.Fatal("the refresh did not arrive", res.Status, err)
				}
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
			if !equal(s.Get(0, u.AOR), replica.Get(0, u.AOR)) {
				t.Error("the replica has something else")
			}
		})
	}
}

// BenchmarkNewBinding is the first REGISTER of an AOR, without and with a proof.
func BenchmarkNewBinding(b *testing.B) {
	for name, proof := range map[string]Proof{"unproved": {}, "proved": {Nonce: nonceOf(0), Count: 1}} {
		b.Run(name, func(b *testing.B) {
			u := register("call-id-as-phones-make-them@192.0.2.1", 1, contact("sip:alice@192.0.2.1:5060;ob", 3600))
			u.Proof = proof
			s := NewStore(1)
			b.ReportAllocs()
			for b.Loop() {
				s.Apply(start, 0, 1, &u, Limits{}, uint64(start), 1)
				s.Drop(0)
			}
		})
	}
}

func BenchmarkProvedRefresh(b *testing.B) {
	s := NewStore(1)
	u := proving(1, 0, 0, register("call-id-as-phones-make-them@192.0.2.1", 1, contact("sip:alice@192.0.2.1:5060;ob", 3600)))
	b.ReportAllocs()
	for b.Loop() {
		u.CSeq++
		u.Proof.Count++
		s.Apply(start, 0, 1, &u, Limits{}, uint64(start), 1)
	}
}
