package location

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// drawProofs draws what may be known of an AOR somewhere.
func drawProofs(t *rapid.T) *proofs {
	s := proofs{floor: rapid.Uint64Range(0, 12).Draw(t, "floor"), ends: rapid.Int64Range(1, 3).Draw(t, "ends")}
	nonces := rapid.SliceOfNDistinct(rapid.Uint64Range(s.floor+1, 40), 0, maxProofs, rapid.ID).Draw(t, "nonces")
	for _, nonce := range nonces {
		i, _ := s.find(nonce)
		s.insert(i, proof{nonce, rapid.Uint32Range(1, 3).Draw(t, "count"), rapid.Uint32Range(1, 2).Draw(t, "source")})
	}
	return &s
}

// and returns what a merge of s and others gives.
func (s proofs) and(others ...*proofs) proofs {
	for _, o := range others {
		s.merge(o)
	}
	return s
}

func TestProofsMergeLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawProofs(t), drawProofs(t), drawProofs(t)
		ab, bc := a.and(b), b.and(c)
		if ab != b.and(a) {
			t.Fatal("not commutative")
		}
		if ab.and(c) != a.and(&bc) {
			t.Fatal("not associative")
		}
		if a.and(a) != *a || ab.and(a) != ab || ab.and(b) != ab {
			t.Fatal("not idempotent")
		}
		if a.and(&proofs{}) != *a || (proofs{}).and(a) != *a {
			t.Fatal("nothing proved is not neutral")
		}
		if ab.n > maxProofs || ab.n > 0 && ab.list[0].nonce <= ab.floor {
			t.Fatalf("%d nonces, of which one is not above the floor", ab.n)
		}
		if a.tell(*b) != (ab.and(&proofs{ends: b.ends}) != b.and(&proofs{ends: ab.ends})) {
			t.Fatal("news where a merge brings none, or none where it does")
		}
	})
}

// What either side refuses the result of a merge refuses, and so does what is after another use.
func TestRefusedForEver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := *drawProofs(t)
		u := Update{Proof: Proof{Nonce: rapid.Uint64Range(1, 45).Draw(t, "nonce"), Count: rapid.Uint32Range(1, 4).Draw(t, "count")}, Source: 9}
		if s.useOf(start, &u, Limits{}) == freshProof {
			s.take(start+provedFor, u.proof(), rapid.Int64Range(0, 2).Draw(t, "life"), rapid.SampledFrom([]int{1, maxProofs}).Draw(t, "most"))
		}
		for range rapid.IntRange(0, 4).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "merge") {
				s.merge(drawProofs(t))
			} else if next := (Update{Proof: Proof{rapid.Uint64Range(1, 45).Draw(t, "next"), 5}}); s.useOf(start, &next, Limits{}) == freshProof {
				s.take(start+provedFor, next.proof(), 0, rapid.SampledFrom([]int{1, maxProofs}).Draw(t, "room"))
			}
			other := u
			if other.Source = 6; s.useOf(start, &other, Limits{}) != usedProof {
				t.Fatalf("%+v is taken by %+v", other.Proof, s)
			}
		}
	})
}

func TestParseRecordRefusesProofs(t *testing.T) {
	u := proving(1, 0, 1, register("call", 1, contact("sip:a@1", 60)))
	r, _ := applied(start, Record{}, &u, Limits{}, 5, 1)
	u = proving(2, 9, 1, register("call", 2, contact("sip:a@1", 60)))
	r, _ = applied(start, r, &u, Limits{}, 5, 1)
	message := AppendRecord(nil, r, start)
	at := 4 + 2 + len(aor)
	first, second := at+proofsHead, at+proofsHead+proofSize
	for name, spoil := range map[string]func(b []byte){
		"more than there may be":    func(b []byte) { b[at] = maxProofs + 1 },
		"more than there are":       func(b []byte) { b[at] = maxProofs },
		"fewer than there are":      func(b []byte) { b[at] = 1 },
		"neither nonce nor floor":   func(b []byte) { b[at] = 0 },
		"a nonce below the floor":   func(b []byte) { le.PutUint64(b[at+1:], nonceOf(0)) },
		"nonces that do not rise":   func(b []byte) { copy(b[second:second+8], b[first:]) },
		"over for too long":         func(b []byte) { le.PutUint64(b[at+9:], 1<<63) },
		"nothing after the AOR":     func(b []byte) { le.PutUint16(b[4:], uint16(len(b)-6)|proofsFlag) },
		"an AOR longer than can be": func(b []byte) { le.PutUint16(b[4:], proofsFlag|(MaxAOR+1)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := bytes.Clone(message)
			spoil(b)
			if _, _, _, err := ParseRecord(nil, b, start); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTruncated) {
				t.Errorf("error %v", err)
			}
		})
	}
	b := bytes.Clone(message)
	le.PutUint64(b[at+9:], 1<<62)
	got, _, _, err := ParseRecord(nil, b, start)
	if s := got.proofs(); err != nil || s.ends != start+maxRemaining {
		t.Errorf("an end too far: error %v, %d ms left", err, s.ends-start)
	}
}

// Records to which nothing was proved are as they have always been.
func TestRecordWithoutProofs(t *testing.T) {
	for name, tt := range map[string]struct {
		update Update
		head   string // what is before the bindings
	}{
		"none": {register("a", 1, contact("sip:a@1", 60)), "\x15\x00" + aor},
		"one": {
			proving(1, 0, 1, register("a", 1, contact("sip:a@1", 60))),
			"\x15\x80" + aor + "\x01" + "\x00\x00\x00\x00\x00\x00\x00\x00" + "\x90\x15\x37\x00\x00\x00\x00\x00" +
				"\x00\x00\x00\x80\xaa\x6d\xb7\x19" + "\x01\x00\x00\x00" + "\x01\x00\x00\x00",
		},
	} {
		r, _ := applied(start, Record{}, &tt.update, Limits{}, uint64(start), 1)
		b := AppendRecord(nil, r, start)
		if got := string(b[4 : len(b)-len(r.b)+r.first()]); got != tt.head {
			t.Errorf("%s: %q, want %q", name, got, tt.head)
		}
		if _, rest := r.entries(); len(rest) > 0 || len(r.b)-r.first() != headSize+len("sip:a@1")+len("a") {
			t.Errorf("%s: the binding takes %d bytes", name, len(r.b)-r.first())
		}
	}
}

// members are copies of one AOR, whose homes take turns.
type members struct {
	t       *rapid.T
	now     int64
	stores  []*Store
	clocks  []uint64
	flights [][]byte // what was sent, some of it not for the first time
	nonces  []int64  // when they were made
	counts  []uint32
	taken   map[Proof]request
	seen    []request
}

// request is an Update that was sent, and what it was answered.
type request struct {
	u      Update
	number int
}

// send has a member order an update, and all others store what it wrote, as they have before it is answered.
func (m *members) send(home int, u Update) Result {
	lim := Limits{
		MaxContacts: rapid.IntRange(1, 2).Draw(m.t, "contacts"), NonceLife: rapid.SampledFrom([]int64{0, 1, 60_000}).Draw(m.t, "life"),
		Room: rapid.SampledFrom([]Room{RoomForAll, RoomForAll, RoomForKnown, NoRoom}).Draw(m.t, "room"),
	}
	res := m.stores[home].Apply(m.now, 0, 1, &u, lim, m.clocks[home], uint32(home+1))
	if res.Changed {
		delta := AppendDelta(nil, m.stores[home].Get(0, u.AOR), m.now, res.Stamp)
		m.flights = append(m.flights, delta)
		for i := range m.stores {
			if i != home {
				m.merge(i, delta)
			}
		}
	}
	return res
}

func (m *members) merge(i int, b []byte) {
	r, _, _, err := ParseRecord(nil, b, m.now)
	if err != nil {
		m.t.Fatal(err)
	}
	before := m.stores[i].Get(0, []byte(aor))
	again := Reordered(before, r)
	m.stores[i].Merge(0, 1, r)
	m.stores[i].Merge(0, 1, again)
}

// honest sends a phone's next request: with a nonce that is good, its next count.
func (m *members) honest() {
	t := m.t
	if len(m.nonces) == 0 || rapid.IntRange(0, 2).Draw(t, "new") == 0 {
		m.nonces, m.counts = append(m.nonces, m.now*10+int64(len(m.nonces)%10)), append(m.counts, 0)
	}
	i := rapid.IntRange(0, len(m.nonces)-1).Draw(t, "nonce")
	if m.now-m.nonces[i]/10 > longestNonce {
		return
	}
	m.counts[i]++
	u := drawUpdate(t, uint32(len(m.seen)+1))
	if rapid.IntRange(0, 5).Draw(t, "fetch") == 0 {
		u.Star, u.Contacts = false, nil
	}
	u.Fingerprint, u.Source = uint32(len(m.seen)+1), uint64(1+i%2)
	u.Proof = Proof{Nonce: uint64(m.nonces[i]), Count: m.counts[i]}
	r := request{u: u, number: len(m.seen)}
	m.seen = append(m.seen, r)
	m.ordered(r, m.send(rapid.IntRange(0, len(m.stores)-1).Draw(t, "home"), u))
}

// ordered checks that what was taken with the proof was this request.
func (m *members) ordered(r request, res Result) {
	if res.Status != StatusOK {
		if res.Changed && res.Status != StatusNoRoom {
			m.taken[r.u.Proof] = r
		}
		return
	}
	if first, ok := m.taken[r.u.Proof]; ok && first.number != r.number && (res.Changed || first.u.Source != r.u.Source) {
		m.t.Fatalf("%+v is taken by two requests:\n%+v\n%+v", r.u.Proof, first.u, r.u)
	} else if !ok {
		m.taken[r.u.Proof] = r
	}
}

// attack sends what a request proved once more, as another one, or as it was.
func (m *members) attack() {
	t := m.t
	if len(m.seen) == 0 {
		return
	}
	r := rapid.SampledFrom(m.seen).Draw(t, "seen")
	if _, taken := m.taken[r.u.Proof]; !taken || m.now-int64(r.u.Proof.Nonce)/10 > longestNonce {
		return // what nobody took the first may, and what is over no member lets in
	}
	if rapid.Bool().Draw(t, "another") {
		u := drawUpdate(t, rapid.Uint32Range(0, uint32(len(m.seen)+3)).Draw(t, "cseq"))
		u.Proof, u.Source, r.number = r.u.Proof, rapid.SampledFrom([]uint64{r.u.Source, 6}).Draw(t, "from"), -1
		if rapid.Bool().Draw(t, "alike") {
			u.CallID, u.CSeq, u.Fingerprint = r.u.CallID, r.u.CSeq, r.u.Fingerprint
		}
		r.u = u
	}
	m.ordered(r, m.send(rapid.IntRange(0, len(m.stores)-1).Draw(t, "home"), r.u))
}

// disturb has time pass, members forget what is over, begin anew, compare, or get once more what was sent before.
func (m *members) disturb() {
	t := m.t
	i, j := rapid.IntRange(0, len(m.stores)-1).Draw(t, "member"), rapid.IntRange(0, len(m.stores)-1).Draw(t, "other")
	switch rapid.IntRange(0, 4).Draw(t, "what") {
	case 0:
		m.now += rapid.SampledFrom([]int64{1, 1000, 40_000, 3_000_000}).Draw(t, "ms")
		m.clocks[i] += rapid.Uint64Range(0, 50_000).Draw(t, "clock")
	case 1:
		m.stores[i].Purge(m.now, 0)
	case 2:
		if i != j {
			m.stores[i].Drop(0)
			m.merge(i, AppendRecord(nil, m.stores[j].Get(0, []byte(aor)), m.now))
		}
	case 3:
		m.merge(i, AppendRecord(nil, m.stores[j].Get(0, []byte(aor)), m.now))
	case 4:
		if len(m.flights) > 0 {
			m.merge(i, rapid.SampledFrom(m.flights).Draw(t, "late"))
		}
	}
}

// No two requests are taken with the same nonce and count, whatever happens between them.
func TestNothingIsTakenTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := members{t: t, now: start, taken: map[Proof]request{}}
		for range 3 {
			m.stores = append(m.stores, NewStore(1))
			m.clocks = append(m.clocks, uint64(start)+rapid.Uint64Range(0, 100_000).Draw(t, "ahead"))
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1:
				m.honest()
			case 2, 3:
				m.attack()
			default:
				m.disturb()
			}
		}
		for range 2 {
			for i := range m.stores {
				for j := range m.stores {
					m.merge(i, AppendRecord(nil, m.stores[j].Get(0, []byte(aor)), m.now))
				}
			}
		}
		known := func(i int) proofs {
			m.stores[i].Purge(m.now, 0)
			return m.stores[i].Get(0, []byte(aor)).proofs()
		}
		if known(0) != known(1) || known(1) != known(2) {
			t.Fatal("members that have told each other all do not know the same")
		}
	})
}
