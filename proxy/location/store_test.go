package location

import (
	"fmt"
	"hash/fnv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// coarse makes AORs collide in the ring's hash, which the store does not go by.
func coarse(aor string) uint64 {
	h := fnv.New32()
	h.Write([]byte(aor))
	return uint64(h.Sum32() % 37)
}

// The store holds what a map would.
func TestStoreIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, model := NewStore(2), map[string]Record{}
		now := start
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			name := fmt.Sprintf("sip:user%d@example.com", rapid.IntRange(0, 80).Draw(t, "user"))
			part := len(name) % 2
			switch rapid.IntRange(0, 9).Draw(t, "op") {
			case 0:
				now += rapid.Int64Range(0, 30_000).Draw(t, "time")
				for part := range 2 {
					s.Purge(now, part)
				}
				for name, r := range model {
					if r.hasExpired(now) {
						model[name] = r.without(now)
					}
					if model[name].isEmpty() {
						delete(model, name)
					}
				}
			case 1:
				s.Drop(part)
				for name := range model {
					if len(name)%2 == part {
						delete(model, name)
					}
				}
			default:
				u := register("a", rapid.Uint32Range(1, 5).Draw(t, "cseq"), drawContact(t))
				u.AOR = []byte(name)
				s.Apply(now, part, coarse(name), &u, Limits{}, uint64(now), 1)
				r, res := applied(now, merged(Record{}, model[name]), &u, Limits{}, uint64(now), 1)
				if res.Changed {
					model[name] = r
				}
			}
		}
		want := Stats{}
		for name, r := range model {
			if got := s.Get(len(name)%2, []byte(name)); !equal(got, r) {
				t.Fatalf("%s: %v, want %v", name, show(got, now), show(r, now))
			}
			want.Records++
			want.Bindings += r.bindings()
		}
		got := s.Stats()
		if got.Records != want.Records || got.Bindings != want.Bindings || got.Bytes < 0 {
			t.Fatalf("counts %+v, want %+v", got, want)
		}
		walked := 0
		for part := range 2 {
			for r, next, ok := s.Next(part, 0); ok; r, next, ok = s.Next(part, next) {
				walked++
				if !equal(r, model[string(r.AOR())]) {
					t.Fatalf("walk met %s", r.AOR())
				}
			}
		}
		if walked != len(model) {
			t.Fatalf("walk met %d records of %d", walked, len(model))
		}
	})
}

// A walk that pauses while others come and go meets everything that was there throughout.
func TestWalkWhileChanging(t *testing.T) {
	s := NewStore(1)
	put := func(i int, expires uint32) {
		u := register("a", uint32(i%2)+1, contact("sip:a@1", expires))
		u.AOR = fmt.Appendf(nil, "sip:user%d@example.com", i)
		s.Apply(start, 0, uint64(i), &u, Limits{}, uint64(start), 1)
	}
	for i := range 100 {
		put(i, uint32(1+i%2*3600)) // the even ones end after a second
	}
	seen := map[string]int{}
	n := 0
	for r, next, ok := s.Next(0, 0); ok; r, next, ok = s.Next(0, next) {
		seen[string(r.AOR())]++
		if n++; n == 30 {
			s.Purge(start+2000, 0)
			for i := 200; i < 260; i++ {
				put(i, 3600)
			}
		}
	}
	for i := 1; i < 100; i += 2 {
		if name := fmt.Sprintf("sip:user%d@example.com", i); seen[name] != 1 {
			t.Errorf("%s met %d times", name, seen[name])
		}
	}
}

func TestDigest(t *testing.T) {
	build := func(order ...int) *Store {
		s := NewStore(1)
		for _, i := range order {
			u := register("a", 1, contact(fmt.Sprintf("sip:a@%d", i), 60))
			u.AOR = fmt.Appendf(nil, "sip:user%d@example.com", i)
			s.Apply(start, 0, uint64(i), &u, Limits{}, uint64(start), 1)
		}
		return s
	}
	type digest struct {
		sum uint64
		n   int
	}
	of := func(s *Store, now int64) digest {
		sum, n := s.Digest(now, 0)
		return digest{sum, n}
	}
	a, b := build(1, 2, 3), build(3, 1, 2)
	if diff := cmp.Diff(of(a, start), of(b, start), cmp.AllowUnexported(digest{})); diff != "" {
		t.Errorf("order matters: %s", diff)
	}
	if of(a, start) == of(build(1, 2), start) || of(a, start) == of(build(1, 2, 4), start) {
		t.Error("another set of records has the same digest")
	}
	if got := of(a, start+60_000); got != (digest{}) {
		t.Errorf("what has expired counts: %v", got)
	}
	u := register("a", 2, contact("sip:a@1", 60))
	u.AOR = []byte("sip:user1@example.com")
	a.Apply(start, 0, 1, &u, Limits{}, uint64(start), 1)
	if of(a, start) == of(b, start) {
		t.Error("another version has the same digest")
	}
}

func TestRefreshDoesNotAllocate(t *testing.T) {
	s := NewStore(1)
	u := register("call", 1, contact("sip:alice@192.0.2.1:5060", 3600))
	s.Apply(start, 0, 1, &u, Limits{}, uint64(start), 1)
	replica := NewStore(1)
	replica.Merge(0, 1, s.Get(0, u.AOR))
	var wire, buf []byte
	now := start
	if n := testing.AllocsPerRun(100, func() {
		now++
		u.CSeq++
		res := s.Apply(now, 0, 1, &u, Limits{}, uint64(now), 1)
		wire = AppendDelta(wire[:0], s.Get(0, u.AOR), now, res.Stamp)
		r, grown, _, err := ParseRecord(buf, wire, now)
		if buf = grown; err != nil || !replica.Merge(0, 1, r) {
			t.Fatal("the refresh did not arrive", err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRefresh(b *testing.B) {
	s := NewStore(1)
	u := register("call-id-as-phones-make-them@192.0.2.1", 1, contact("sip:alice@192.0.2.1:5060;ob", 3600))
	b.ReportAllocs()
	for b.Loop() {
		u.CSeq++
		s.Apply(start, 0, 1, &u, Limits{}, uint64(start), 1)
	}
}

// BenchmarkBytesPerBinding reports the memory that a registered contact takes, without and with a proof.
func BenchmarkBytesPerBinding(b *testing.B) {
	b.Run("unproved", func(b *testing.B) { bytesPerBinding(b, Proof{}) })
	b.Run("proved", func(b *testing.B) { bytesPerBinding(b, Proof{Nonce: nonceOf(0), Count: 1}) })
}

func bytesPerBinding(b *testing.B, proof Proof) {
	for b.Loop() {
		s := NewStore(1024)
		for i := range 100_000 {
			u := register(fmt.Sprintf("call-id-as-phones-make-them-%d@192.0.2.1", i), 1, contact(fmt.Sprintf("sip:user%d@192.0.2.1:5060;ob", i), 3600))
			u.AOR, u.Proof = fmt.Appendf(nil, "sip:user%d@example.com", i), proof
			s.Apply(start, i%1024, uint64(i)*0x9e3779b97f4a7c15, &u, Limits{}, uint64(start), 1)
		}
		b.ReportMetric(float64(s.Stats().Bytes)/100_000, "bytes/binding")
	}
}
