package location

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// of has an update come from a source.
func of(source uint64, aor string, u Update) Update {
	u.Source, u.AOR = source, []byte(aor)
	return u
}

func shared(u Update) Update {
	u.Shared = true
	return u
}

// fullOfOne is a store that source 1 and a.example have nearly all of; other@b.example is of source 2.
func fullOfOne() *Store {
	s := NewStore(1)
	for i := range 200 {
		u := of(1, fmt.Sprintf("sip:%d@a.example", i), register("a", 1, contact("sip:a@1", 3600)))
		s.Apply(start, 0, 0, &u, Limits{}, uint64(start), 1)
	}
	u := of(2, "sip:other@b.example", register("a", 1, contact("sip:a@1", 3600)))
	s.Apply(start, 0, 0, &u, Limits{}, uint64(start), 1)
	return s
}

// From a half of the budget on, who has its share gets no further AOR; from three quarters on, nothing that makes larger what
// it has. Refreshes and removals are taken, and so is whatever others ask for.
func TestShares(t *testing.T) {
	one, more := contact("sip:b@1", 3600), contact("sip:a@2", 3600)
	here, gone := contact("sip:a@1", 3600), contact("sip:a@1", 0)
	const known, other = "sip:7@a.example", "sip:other@b.example"
	for name, tt := range map[string]struct {
		update            Update
		little, half, lot int // what is answered with 49 %, 53 % and 80 % of the budget taken
	}{
		"a new AOR":                      {of(1, "sip:new@b.example", register("b", 1, one)), 200, 508, 508},
		"a removal of nothing":           {of(1, "sip:new@b.example", register("b", 1, gone)), 200, 508, 508},
		"a fetch of nothing":             {of(1, "sip:new@b.example", register("b", 1)), 200, 200, 200},
		"of another source":              {of(2, "sip:new@b.example", register("b", 1, one)), 200, 200, 200},
		"of a new source":                {of(3, "sip:new@b.example", register("b", 1, one)), 200, 200, 200},
		"of a source without bound":      {of(0, "sip:new@b.example", register("b", 1, one)), 200, 200, 200},
		"another contact":                {of(1, known, register("b", 1, more)), 200, 200, 508},
		"another's contact":              {of(2, known, register("b", 1, more)), 200, 200, 200},
		"a refresh":                      {of(1, known, register("a", 2, here)), 200, 200, 200},
		"a retransmission":               {of(1, known, register("a", 1, here)), 200, 200, 200},
		"a refresh with another Call-ID": {of(1, known, register("b", 1, here)), 200, 200, 200},
		"a refresh with a longer one":    {of(1, known, register("longer", 1, here)), 200, 200, 508},
		"a removal":                      {of(1, known, register("a", 2, gone)), 200, 200, 200},
		"a removal by another":           {of(2, known, register("a", 2, gone)), 200, 200, 200},
		"a removal of another's":         {of(1, other, register("a", 2, gone)), 200, 200, 200},
		"*":                              {of(1, known, star("a", 2)), 200, 200, 200},
		"* for another":                  {of(1, other, star("a", 2)), 200, 200, 200},
		"a phone that moves to it":       {of(1, other, register("a", 2, here)), 200, 200, 508},
		"a phone that moves from it":     {of(2, known, register("a", 2, here)), 200, 200, 200},

		"a new AOR of the domain":               {shared(of(3, "sip:new@a.example", register("b", 1, one))), 200, 509, 509},
		"of the domain at another port":         {shared(of(3, "sip:new@a.example:5099", register("b", 1, one))), 200, 509, 509},
		"of another domain":                     {shared(of(3, "sip:new@b.example", register("b", 1, one))), 200, 200, 200},
		"of the domain, without bound":          {shared(of(0, "sip:new@a.example", register("b", 1, one))), 200, 509, 509},
		"of the only domain":                    {of(3, "sip:new@a.example", register("b", 1, one)), 200, 200, 200},
		"another contact in the domain":         {shared(of(3, known, register("b", 1, more))), 200, 200, 509},
		"another contact in another domain":     {shared(of(3, other, register("b", 1, more))), 200, 200, 200},
		"a refresh in the domain":               {shared(of(1, known, register("a", 2, here))), 200, 200, 200},
		"a refresh from elsewhere":              {shared(of(3, known, register("a", 2, here))), 200, 200, 200},
		"a removal in the domain":               {shared(of(1, known, register("a", 2, gone))), 200, 200, 200},
		"* in the domain":                       {shared(of(3, known, star("a", 2))), 200, 200, 200},
		"a new AOR of both that are used up":    {shared(of(1, "sip:new@a.example", register("b", 1, one))), 200, 508, 508},
		"a source used up in another's domain":  {shared(of(1, "sip:new@b.example", register("b", 1, one))), 200, 508, 508},
		"more contacts than there may ever be":  {of(1, known, register("b", 1, make([]ContactUpdate, 600)...)), 400, 400, 400},
		"a URI that is longer than it may ever": {of(1, "sip:new@b.example", register("b", 1, contact("sip:"+strings.Repeat("a", 1100), 60))), 400, 400, 400},
	} {
		t.Run(name, func(t *testing.T) {
			for percent, want := range map[int]int{49: tt.little, 53: tt.half, 80: tt.lot} {
				s := fullOfOne()
				before, took := fmt.Sprint(show(s.Get(0, tt.update.AOR), start)), s.Stats()
				res := s.Apply(start, 0, 0, &tt.update, Limits{Budget: took.Bytes * 100 / percent}, uint64(start), 1)
				if res.Status != want {
					t.Errorf("%d %% taken: %d, want %d", percent, res.Status, want)
				}
				if after := fmt.Sprint(show(s.Get(0, tt.update.AOR), start)); res.Status != 200 && (after != before || s.Stats() != took || res.Changed) {
					t.Errorf("%d %% taken: refused, and changed to %s", percent, after)
				}
				if res := s.Apply(start, 0, 0, &tt.update, Limits{}, uint64(start), 1); want != 400 && res.Status != 200 {
					t.Errorf("without a budget: %d", res.Status)
				}
			}
		})
	}
}

// A source with less than its share is refused nothing, though all together have more.
func TestManySourcesHaveNoShareTogether(t *testing.T) {
	s := NewStore(1)
	for i := range 400 {
		u := of(uint64(1+i%20), fmt.Sprintf("sip:%d@a.example", i), register("a", 1, contact("sip:a@1", 3600)))
		s.Apply(start, 0, 0, &u, Limits{}, uint64(start), 1)
	}
	for source := range uint64(20) {
		u := of(1+source, fmt.Sprintf("sip:new%d@a.example", source), register("a", 1, contact("sip:a@1", 3600)))
		if res := s.Apply(start, 0, 0, &u, Limits{Budget: s.Stats().Bytes * 10 / 9}, uint64(start), 1); res.Status != 200 {
			t.Errorf("source %d, of twenty: %d", 1+source, res.Status)
		}
	}
}

// Who moves what it has to another source, or has it removed by one, has no more room for that.
func TestShareIsNotShedByMoving(t *testing.T) {
	for name, move := range map[string]func(i int) Update{
		"refreshed by another": func(i int) Update {
			return of(uint64(2+i%2), fmt.Sprintf("sip:%d@a.example", i), register("a", 2, contact("sip:a@1", 3600)))
		},
		"removed by another": func(i int) Update {
			return of(2, fmt.Sprintf("sip:%d@a.example", i), register("a", 2, contact("sip:a@1", 0)))
		},
		"* by another": func(i int) Update { return of(2, fmt.Sprintf("sip:%d@a.example", i), star("a", 2)) },
	} {
		t.Run(name, func(t *testing.T) {
			const budget = 64 << 10
			s := NewStore(1)
			for i := range 2000 {
				u := of(1, fmt.Sprintf("sip:%d@a.example", i), register("a", 1, contact("sip:a@1", 3600)))
				if s.Apply(start, 0, 0, &u, Limits{Budget: budget}, uint64(start), 1).Status == 200 {
					u = move(i)
					s.Apply(start, 0, 0, &u, Limits{Budget: budget}, uint64(start), 1)
				}
			}
			if took := s.Stats().Bytes; took < budget/2 || took >= budget {
				t.Errorf("three sources have %d of %d bytes", took, budget)
			}
			last := of(4, "sip:last@a.example", register("a", 1, contact("sip:a@1", 3600)))
			if res := s.Apply(start, 0, 0, &last, Limits{Budget: budget}, uint64(start), 1); res.Status != 200 {
				t.Errorf("another source is answered %d", res.Status)
			}
		})
	}
}

// Whatever a store has been through, its shares are those of the records that are there.
func TestSharesAreThoseOfTheRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, from, now := NewStore(2), NewStore(2), start
		for i := range rapid.IntRange(1, 80).Draw(t, "steps") {
			part := rapid.IntRange(0, 1).Draw(t, "part")
			name := fmt.Sprintf("sip:%d@%s", rapid.IntRange(0, 9).Draw(t, "aor"), rapid.SampledFrom([]string{"a.example", "b.example", "b.example:5099"}).Draw(t, "domain"))
			u := of(rapid.Uint64Range(0, 3).Draw(t, "source"), name, drawUpdate(t, uint32(i+1)))
			u.Shared = rapid.Bool().Draw(t, "shared")
			lim := Limits{MaxContacts: 2, Budget: rapid.SampledFrom([]int{0, 1 << 10, 4 << 10}).Draw(t, "budget")}
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				s.Drop(part)
			case 1, 2:
				s.Purge(now, part)
			case 3, 4, 5:
				from.Apply(now, part, 0, &u, Limits{}, uint64(now), 2)
				s.Merge(part, 0, from.Get(part, u.AOR))
			default:
				s.Apply(now, part, 0, &u, lim, uint64(now), 1)
			}
			now += rapid.Int64Range(0, 20_000).Draw(t, "ms")
			if got, want := s.shares, recount(s); got != want {
				t.Fatalf("step %d: the shares are not those of the records", i)
			}
		}
		for part := range s.parts {
			s.Drop(part)
		}
		if (s.shares != shares{seed: s.shares.seed}) {
			t.Fatal("of nothing there is a share")
		}
	})
}

func recount(s *Store) shares {
	x := shares{seed: s.shares.seed}
	for i := range s.parts {
		for _, slot := range s.parts[i].slots {
			x.count(slot.rec, 1)
		}
	}
	return x
}

// What sources have together is what the store takes, but for what tables keep free.
func TestSharesAddUp(t *testing.T) {
	s := fullOfOne()
	sum := s.shares.sources.of(s.shares.source(1)) + s.shares.sources.of(s.shares.source(2))
	if took := s.Stats().Bytes; sum > took*5/4 || sum < took*4/5 {
		t.Errorf("sources have %d bytes together, of %d", sum, took)
	}
	if got, want := s.shares.sources.of(s.shares.source(1)), s.shares.domains.of(s.shares.domain([]byte("sip:x@a.example"))); got != want {
		t.Errorf("the source has %d bytes, and its domain, which is nobody else's, %d", got, want)
	}
}

// Of many sources beside some that have much, none is told to have less than it has, and next to none to have much.
func TestSketch(t *testing.T) {
	const total, heavy, light = 1 << 30, 10, 100_000
	x, rng, have := &sketch{}, rand.New(rand.NewPCG(1, 2)), map[uint64]int{}
	add := func(bytes int) {
		key := rng.Uint64()
		have[key] += bytes
		x.add(key, bytes)
	}
	for range heavy {
		add(total / sourceShare)
	}
	for range light {
		add(total / light)
	}
	taken := 0
	for key, bytes := range have {
		switch got := x.of(key); {
		case got < bytes:
			t.Fatalf("%d bytes are told to be %d", bytes, got)
		case got >= total/sourceShare && bytes < total/sourceShare:
			taken++
		}
	}
	if taken > 5 {
		t.Errorf("%d of %d sources are told to have an eighth", taken, light)
	}
}

func TestDomainOf(t *testing.T) {
	for aor, want := range map[string]string{
		"sip:alice@a.example":          "a.example",
		"sip:alice@a.example:5099":     "a.example",
		"sip:alice@192.0.2.1:5099":     "192.0.2.1",
		"sip:alice@[2001:db8::1]":      "[2001:db8::1]",
		"sip:alice@[2001:db8::1]:5099": "[2001:db8::1]",
		"sip:a:b@a.example":            "a.example",
		"nothing":                      "nothing",
		"":                             "",
	} {
		if got := string(domainOf([]byte(aor))); got != want {
			t.Errorf("of %q: %q, want %q", aor, got, want)
		}
	}
}
