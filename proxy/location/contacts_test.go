package location

import (
	"fmt"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/wire"
)

// locateParts is the partitions of the stores in these tests.
const locateParts = 3

func everywhere(int) bool { return true }

// locate has the store find a contact, and checks what it finds.
func locate(t rapid.TB, s *Store, now int64, uri string, in func(int) bool) (found, sure bool) {
	t.Helper()
	r, sure := s.Locate(now, wire.HashURI([]byte(uri)), []byte(uri), in)
	if r.IsZero() {
		return false, sure
	}
	if !sure {
		t.Fatalf("%s is found and not sure", uri)
	}
	if part := partOf(r.AOR()); !in(part) || !registered(r, now, uri) {
		t.Fatalf("%s located in %s of partition %d: %v", uri, r.AOR(), part, show(r, now))
	}
	return true, true
}

func registered(r Record, now int64, uri string) bool {
	for b := range r.Live(now) {
		if wire.EqualURI(wire.WithoutHeaders(b.Contact), []byte(uri)) {
			return true
		}
	}
	return false
}

func partOf(aor []byte) int { return len(aor) % locateParts }

// drawURI draws from few contacts, some of which are equal but for their bytes, and some alike but not equal.
func drawURI(t *rapid.T) string {
	uri := fmt.Sprintf("sip:a@192.0.2.%d", rapid.IntRange(1, 3).Draw(t, "host"))
	return uri + rapid.SampledFrom([]string{"", "", ";x=1", ";x=2", ":5060", ";transport=udp"}).Draw(t, "rest")
}

// The store finds a contact where a walk over all its records does. It may be not sure, where many have contacts alike,
// until the next purge.
func TestLocateIsAWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, now := NewStore(locateParts), start
		change := func(op string) {
			u := register(rapid.SampledFrom([]string{"a", "b"}).Draw(t, "callID"), rapid.Uint32Range(1, 9).Draw(t, "cseq"))
			u.AOR = fmt.Appendf(nil, "sip:user%d@example.com", rapid.IntRange(0, 150).Draw(t, "user"))
			for range rapid.IntRange(1, 3).Draw(t, "contacts") {
				c := contact(drawURI(t)+rapid.SampledFrom([]string{"", "?a=b"}).Draw(t, "headers"), rapid.SampledFrom([]uint32{0, 1, 60, 3600}).Draw(t, "expires"))
				if rapid.Bool().Draw(t, "outbound") {
					c.Instance, c.RegID = []byte("<urn:uuid:1>"), rapid.Uint32Range(1, 2).Draw(t, "regID")
				}
				u.Contacts = append(u.Contacts, c)
			}
			if u.Star = rapid.IntRange(0, 9).Draw(t, "star") == 0; u.Star {
				u.Contacts = nil
			}
			part, hash := partOf(u.AOR), coarse(string(u.AOR))
			if op == "apply" {
				s.Apply(now, part, hash, &u, Limits{}, uint64(now), 1)
				return
			}
			before := s.Get(part, u.AOR)
			r, _ := applied(now, merged(Record{}, before), &u, Limits{}, rapid.Uint64Range(1, 2*uint64(now)).Draw(t, "clock"), 2)
			s.Merge(part, hash, r)
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch op := rapid.SampledFrom([]string{"apply", "apply", "apply", "merge", "merge", "purge", "drop"}).Draw(t, "op"); op {
			case "purge":
				now += rapid.Int64Range(0, 30_000).Draw(t, "time")
				s.Purge(now, rapid.IntRange(0, locateParts-1).Draw(t, "part"))
			case "drop":
				s.Drop(rapid.IntRange(0, locateParts-1).Draw(t, "part"))
			default:
				change(op)
			}
			uri, only := drawURI(t), rapid.IntRange(0, locateParts-1).Draw(t, "only")
			for _, in := range []func(int) bool{everywhere, func(part int) bool { return part == only }} {
				want := walk(s, now, uri, in)
				if found, sure := locate(t, s, now, uri, in); found != want && (found || sure) {
					t.Fatalf("%s: found %v, sure %v, want %v", uri, found, sure, want)
				}
			}
		}
		checkContacts(t, s)
	})
}

// walk is the oracle.
func walk(s *Store, now int64, uri string, in func(int) bool) bool {
	for part := range locateParts {
		for r, next, ok := s.Next(part, 0); ok; r, next, ok = s.Next(part, next) {
			if in(part) && registered(r, now, uri) {
				return true
			}
		}
	}
	return false
}

// checkContacts checks that every contact has a cell or is counted as without one, and that nothing else is there.
func checkContacts(t rapid.TB, s *Store) {
	t.Helper()
	contacts, cells, without := 0, 0, 0
	for part := range s.parts {
		for _, slot := range s.parts[part].slots {
			contacts += len(s.contacts.keys(nil, slot.rec))
		}
	}
	for i := range s.contacts.tables {
		for _, c := range s.contacts.tables[i].cells {
			if c != 0 {
				cells++
			}
		}
	}
	for _, n := range s.contacts.without {
		without += n
	}
	if cells+without != contacts {
		t.Fatalf("%d contacts, %d cells and %d without", contacts, cells, without)
	}
	for part := range s.parts {
		s.Drop(part)
	}
	for i := range s.contacts.tables {
		if n := s.contacts.tables[i].used; n != 0 {
			t.Fatalf("%d cells in an empty store", n)
		}
	}
	if len(s.contacts.without) != 0 {
		t.Fatalf("an empty store has contacts without cells: %v", s.contacts.without)
	}
}

// One contact of many addresses-of-record costs each registration the same. It is never said to be nobody's while one has it,
// and is found again as soon as those that had the cells are forgotten.
func TestContactOfManyRecords(t *testing.T) {
	const many, uri = 1000, "sip:trunk@192.0.2.1"
	s := NewStore(locateParts)
	for i := range many {
		expires := uint32(3600)
		if i < many/2 {
			expires = uint32(i + 1)
		}
		u := register("a", 1, contact(uri, expires))
		u.AOR = fmt.Appendf(nil, "sip:user%d@example.com", i)
		s.Apply(start, partOf(u.AOR), coarse(string(u.AOR)), &u, Limits{}, uint64(start), 1)
	}
	if n := s.contacts.without[wire.HashURI([]byte(uri))]; n != many-maxAlike {
		t.Fatalf("%d without a cell, want %d", n, many-maxAlike)
	}
	sweep := func(now int64) {
		for range 2 { // what is purged makes room for what was looked at before
			for part := range locateParts {
				s.Purge(now, part)
			}
		}
	}
	for ms := int64(0); ms < many*1000; ms += 999 {
		if found, sure := locate(t, s, start+ms, uri, everywhere); !found && sure {
			t.Fatalf("nobody's after %d ms", ms)
		}
		sweep(start + ms)
	}
	if found, _ := locate(t, s, start+many*1000, uri, everywhere); !found {
		t.Error("not found though those that ended are long forgotten")
	}
	sweep(start + 2*3600_000)
	if found, sure := locate(t, s, start+2*3600_000, uri, everywhere); found || !sure {
		t.Errorf("when all are over: found %v, sure %v", found, sure)
	}
	checkContacts(t, s)
}

// BenchmarkLocateMemory reports what a contact takes in the index: the heap that its cells take, at sizes between two
// growths.
func BenchmarkLocateMemory(b *testing.B) {
	for b.Loop() {
		x := newContacts()
		least, most, n := 100.0, 0.0, 0
		for _, size := range []int{50_000, 60_000, 70_000, 80_000, 90_000, 100_000} {
			for ; n < size; n++ {
				x.add(wire.HashURI(fmt.Appendf(nil, "sip:user%d@192.0.2.1:5060;ob", n)), place{n % 1024, n / 1024})
			}
			each := heapOf(&x) / float64(n)
			least, most = min(least, each), max(most, each)
		}
		b.ReportMetric(least, "least-bytes/binding")
		b.ReportMetric(most, "most-bytes/binding")
	}
}

// BenchmarkLocateEnter is what a new binding costs the index, growth included.
func BenchmarkLocateEnter(b *testing.B) {
	x, n := newContacts(), 0
	u := register("call", 1, contact("", 3600))
	u.AOR = []byte("sip:user@example.com")
	records := make([]Record, 1000)
	for i := range records {
		u.Contacts[0].URI = fmt.Appendf(nil, "sip:user%d@192.0.2.1:5060;ob", i)
		records[i], _ = applied(start, Record{}, &u, Limits{}, uint64(start), 1)
	}
	at := records[0].first() + headSize + len("sip:")
	b.ReportAllocs()
	for b.Loop() {
		r := records[n%len(records)]
		for i := range 4 { // another user
			r.b[at+i] = 'a' + byte(n>>(4*i)&15)
		}
		x.change(place{n % 1024, n / 1024}, Record{}, r)
		n++
	}
	if cells := len(x.tables[0].cells); n > 100_000 && cells < n/contactTables {
		b.Fatalf("%d cells for %d contacts", cells*contactTables, n)
	}
}

// heapOf measures the tables by copying them.
func heapOf(x *contacts) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	copies := make([][]uint64, 0, contactTables)
	for i := range x.tables {
		copies = append(copies, append(make([]uint64, 0, len(x.tables[i].cells)), x.tables[i].cells...))
	}
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(copies)
	return float64(after.HeapAlloc - before.HeapAlloc)
}

func BenchmarkLocate(b *testing.B) {
	s := NewStore(1024)
	uri := func(i int) []byte { return fmt.Appendf(nil, "sip:user%d@192.0.2.1:5060;ob", i) }
	for i := range 100_000 {
		u := register("call", 1, contact(string(uri(i)), 3600))
		u.AOR = fmt.Appendf(nil, "sip:user%d@example.com", i)
		s.Apply(start, i%1024, uint64(i)*0x9e3779b97f4a7c15, &u, Limits{}, uint64(start), 1)
	}
	for name, of := range map[string][]byte{"found": uri(77_777), "nobody": []byte("sip:x@198.51.100.1")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r, _ := s.Locate(start, wire.HashURI(of), of, everywhere); r.IsZero() != (name == "nobody") {
					b.Fatal(name)
				}
			}
		})
	}
}
