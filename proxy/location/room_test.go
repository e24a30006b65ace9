package location

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// When there is room for what is known only, an AOR that is not is refused; when there is none, so is whatever makes a
// record larger. Refreshes and removals are taken.
func TestRoom(t *testing.T) {
	here := contact("sip:a@1", 3600)
	for name, tt := range map[string]struct {
		update     Update
		some, none [2]int // room: what an AOR that is known is answered, and one that is not
	}{
		"a fetch":                              {register("a", 2), [2]int{200, 200}, [2]int{200, 200}},
		"a refresh":                            {register("a", 2, contact("sip:a@1", 60)), [2]int{200, 507}, [2]int{200, 507}},
		"a retransmission":                     {sent(1, register("a", 1, here)), [2]int{200, 507}, [2]int{200, 507}},
		"a refresh with another Call-ID":       {register("b", 1, here), [2]int{200, 507}, [2]int{200, 507}},
		"a refresh with a longer Call-ID":      {register("longer", 1, here), [2]int{200, 507}, [2]int{507, 507}},
		"another contact":                      {register("b", 1, contact("sip:a@2", 60)), [2]int{200, 507}, [2]int{507, 507}},
		"a removal":                            {register("a", 2, contact("sip:a@1", 0)), [2]int{200, 507}, [2]int{200, 507}},
		"a removal of what is not there":       {register("a", 2, contact("sip:a@2", 0)), [2]int{200, 507}, [2]int{507, 507}},
		"*":                                    {star("a", 2), [2]int{200, 507}, [2]int{200, 507}},
		"a removal with a much longer Call-ID": {register(strings.Repeat("b", 500), 2, contact("sip:a@1", 0)), [2]int{200, 507}, [2]int{507, 507}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				known bool
				room  Room
				want  int
			}{
				{true, RoomForKnown, tt.some[0]},
				{false, RoomForKnown, tt.some[1]},
				{true, NoRoom, tt.none[0]},
				{false, NoRoom, tt.none[1]},
			} {
				var r Record
				if c.known {
					first := sent(1, register("a", 1, here))
					r, _ = applied(start, r, &first, Limits{}, uint64(start), 1)
				}
				before := fmt.Sprint(show(r, start))
				size := r.Size()
				r, res := applied(start, r, &tt.update, Limits{Room: c.room}, uint64(start), 1)
				if res.Status != c.want {
					t.Errorf("known %v, room %d: %d, want %d", c.known, c.room, res.Status, c.want)
				}
				if after := fmt.Sprint(show(r, start)); res.Status != 200 && after != before {
					t.Errorf("known %v, room %d: refused, and changed to %s", c.known, c.room, after)
				}
				if c.room == NoRoom && r.Size() > size {
					t.Errorf("known %v: grew without room from %d to %d bytes", c.known, size, r.Size())
				}
			}
		})
	}
}

// The bytes of a store are those of its parts, whatever it has been through.
func TestBytesAreTheSumOfTheParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewStore(3)
		now := start
		for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
			part := rapid.IntRange(0, 2).Draw(t, "part")
			name := fmt.Sprintf("sip:%d@example.com", rapid.IntRange(0, 30).Draw(t, "aor"))
			hash := uint64(len(name)) * uint64(name[4])
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				s.Drop(part)
			case 1:
				s.Purge(now, part)
			default:
				u := drawUpdate(t, uint32(i+1))
				u.AOR = []byte(name)
				s.Apply(now, part, hash, &u, Limits{}, uint64(now), 1)
			}
			now += rapid.Int64Range(0, 20_000).Draw(t, "ms")
			want := 0
			for i := range s.parts {
				for _, slot := range s.parts[i].slots {
					want += cap(slot.rec.b)
				}
				want += s.parts[i].overhead()
			}
			for i := range s.contacts.tables {
				want += contactBytes * s.contacts.tables[i].used
			}
			if got := s.Stats().Bytes; got != want {
				t.Fatalf("counts %d bytes of %d", got, want)
			}
		}
	})
}

// What is counted is what the heap takes, but for what the allocator rounds up.
func TestBytesAreWhatTheHeapTakes(t *testing.T) {
	for name, texts := range map[string]int{"short": 20, "usual": 120, "long": 900} {
		t.Run(name, func(t *testing.T) {
			const records, parts = 20_000, 64
			heap := func() int {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return int(m.HeapAlloc)
			}
			before := heap()
			s := NewStore(parts)
			for i := range records {
				u := register("call", 1, contact(fmt.Sprintf("sip:%d@%s", i, strings.Repeat("h", texts)), 3600))
				u.AOR = fmt.Appendf(nil, "sip:%d@example.com", i)
				s.Apply(start, i%parts, uint64(i)*0x9e3779b97f4a7c15, &u, Limits{}, uint64(start), 1)
			}
			took, counted := heap()-before, s.Stats().Bytes
			t.Logf("%d records: %d bytes counted, %d taken", records, counted, took)
			if took > counted*5/4 || took < counted*3/4 {
				t.Errorf("%d bytes counted, %d taken", counted, took)
			}
			runtime.KeepAlive(s)
		})
	}
}
