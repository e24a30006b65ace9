package location

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// instance is a contact of a phone that gives its +sip.instance and no reg-id.
func instance(uri, of string, expires uint32) ContactUpdate {
	return outbound(uri, of, 0, expires)
}

func TestContactCap(t *testing.T) {
	one, two, three := contact("sip:a@1", 60), contact("sip:a@2", 60), contact("sip:a@3", 60)
	removed := func(n int) (list []ContactUpdate) {
		for i := range n {
			list = append(list, contact(fmt.Sprintf("sip:a@%d", i+1), 0))
		}
		return list
	}
	for name, tt := range map[string]story{
		"the oldest makes room": {
			limit: 2,
			steps: []step{{update: register("a", 1, one)}, {at: 1, update: register("b", 1, two)}, {at: 2, update: register("c", 1, three)}},
			at:    2, want: []string{"sip:a@2 59 1", "sip:a@3 60 1"},
		},
		"the oldest by refresh": {
			limit: 2,
			steps: []step{
				{update: register("a", 1, one)},
				{at: 1, update: register("b", 1, two)},
				{at: 2, update: register("a", 2, one)},
				{at: 3, update: register("c", 1, three)},
			},
			at: 3, want: []string{"sip:a@1 59 2", "sip:a@3 60 1"},
		},
		"the oldest of the same instance before others": {
			limit: 3,
			steps: []step{
				{update: register("a", 1, one)},
				{at: 1, update: register("b", 1, instance("sip:b@1", "<urn:1>", 60))},
				{at: 2, update: register("c", 1, instance("sip:b@2", "<urn:1>", 60))},
				{at: 3, update: register("d", 1, instance("sip:b@3", "<urn:1>", 60))},
			},
			at: 3, want: []string{"sip:a@1 57 1", "sip:b@2 59 1", "sip:b@3 60 1"},
		},
		"the instance of nobody there": {
			limit: 2,
			steps: []step{
				{update: register("a", 1, one)},
				{at: 1, update: register("b", 1, instance("sip:b@1", "<urn:1>", 60))},
				{at: 2, update: register("c", 1, instance("sip:b@2", "<urn:2>", 60))},
			},
			at: 2, want: []string{"sip:b@1 59 1", "sip:b@2 60 1"},
		},
		"one is added and one removed, whichever is named first": {
			limit: 2,
			steps: []step{
				{update: register("a", 1, one)},
				{at: 1, update: register("a", 2, two)},
				{at: 2, update: register("a", 3, three, contact("sip:a@2", 0))},
				{at: 3, update: register("a", 4, contact("sip:a@3", 0), contact("sip:a@4", 60))},
			},
			at: 3, want: []string{"sip:a@1 57 1", "sip:a@4 60 4"},
		},
		"all are replaced": {
			limit: 2,
			steps: []step{{update: register("a", 1, one, two)}, {at: 1, update: register("b", 1, contact("sip:b@1", 60), contact("sip:b@2", 60))}},
			at:    1, want: []string{"sip:b@1 60 1", "sip:b@2 60 1"},
		},
		"more to remove than there can be": {
			limit: 1,
			steps: []step{{update: register("a", 1, one)}, {at: 1, update: register("a", 2, append(removed(128), contact("sip:b@1", 60))...)}},
			at:    1, want: []string{"sip:b@1 60 2"},
		},
		"more in one request than there can be": {
			limit: 2,
			steps: []step{{update: register("a", 1, one)}, {at: 1, update: register("b", 1, two, three, contact("sip:a@4", 60)), want: 403}},
			at:    1, want: []string{"sip:a@1 59 1"},
		},
		"more in one request than there can be, and as many to remove": {
			limit: 2,
			steps: []step{{update: register("a", 1, append(removed(3), two, three, contact("sip:a@4", 60))...), want: 403}},
		},
		"the one that made room registers again": {
			limit: 1,
			steps: []step{{update: register("a", 5, one)}, {at: 1, update: register("b", 1, two)}, {at: 2, update: register("a", 6, one)}},
			at:    2, want: []string{"sip:a@1 60 6"},
		},
		"of one Call-ID, what came before is late": {
			limit: 1,
			steps: []step{
				{update: sent(1, register("a", 5, one))},
				{at: 1, update: sent(2, register("a", 6, two))},
				{at: 2, update: sent(1, register("a", 5, one)), want: 500},
			},
			at: 2, want: []string{"sip:a@2 59 6"},
		},
	} {
		t.Run(name, tt.check)
	}
}

// Who made room is gone from every copy.
func TestEvictionIsReplicated(t *testing.T) {
	home, replica := NewStore(1), NewStore(1)
	for i := range uint32(30) {
		now := start + int64(i)
		u := register(fmt.Sprint("call", i), 1, contact(fmt.Sprintf("sip:a@%d", i), 3600))
		res := home.Apply(now, 0, 1, &u, Limits{MaxContacts: 3}, uint64(now), 1)
		delta, _, _, err := ParseRecord(nil, AppendDelta(nil, home.Get(0, u.AOR), now, res.Stamp), now)
		if err != nil || res.Status != 200 {
			t.Fatal(res, err)
		}
		replica.Merge(0, 1, delta)
		want := show(home.Get(0, u.AOR), now)
		if got := show(replica.Get(0, u.AOR), now); !slices.Equal(got, want) || len(got) != min(int(i)+1, 3) {
			t.Fatalf("the replica has %v, home %v", got, want)
		}
	}
}

// Two sets that were registered at both sides of a cut are more than there may be: they may be refreshed and removed, and
// do not grow.
func TestMergedBeyondTheCap(t *testing.T) {
	lim, less := Limits{MaxContacts: 2}, Limits{MaxContacts: 1}
	left := register("a", 1, contact("sip:a@1", 60), contact("sip:a@2", 60))
	right := register("b", 1, contact("sip:b@1", 60), contact("sip:b@2", 60))
	x, _ := applied(start, Record{}, &left, lim, uint64(start), 1)
	y, _ := applied(start, Record{}, &right, lim, uint64(start), 2)
	both := merged(x, y)
	for name, tt := range map[string]struct {
		update Update
		live   int
	}{
		"refreshed":   {register("a", 2, contact("sip:a@1", 90), contact("sip:a@2", 60)), 4},
		"removed":     {register("a", 2, contact("sip:a@1", 0)), 3},
		"one more":    {register("c", 1, contact("sip:c@1", 60)), 4},
		"all removed": {star("c", 1), 0},
		"each removed": {register("c", 1,
			contact("sip:a@1", 0), contact("sip:a@2", 0), contact("sip:b@1", 0), contact("sip:b@2", 0), contact("sip:c@1", 0)), 0},
	} {
		r, res := applied(start+1, merged(Record{}, both), &tt.update, less, uint64(start+1), 1)
		if res.Status != 200 || r.LiveCount(start+1) != tt.live {
			t.Errorf("%s: %d, %v", name, res.Status, show(r, start+1))
		}
		delta, _, _, err := ParseRecord(nil, AppendDelta(nil, r, start+1, res.Stamp), start+1)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := show(merged(both, delta), start+1), show(r, start+1); !slices.Equal(got, want) {
			t.Errorf("%s: another copy has %v, home %v", name, got, want)
		}
	}
}

// Removals make room in bytes too, and are not refused for the want of it.
func TestRecordSizeIsBounded(t *testing.T) {
	const fit = 30
	lim := Limits{MaxContacts: 64}
	long := func(user string, expires uint32) ContactUpdate {
		return contact("sip:"+user+"@"+strings.Repeat("a", 950), expires)
	}
	some := func(callID, prefix string, n int, expires uint32) Update {
		u := register(callID, 1)
		for i := range n {
			u.Contacts = append(u.Contacts, long(fmt.Sprint(prefix, i), expires))
		}
		return u
	}
	apply := func(r Record, want int, u Update) Record {
		t.Helper()
		r, res := applied(start, r, &u, lim, uint64(start), 1)
		if res.Status != want {
			t.Fatalf("%s: %d, want %d", u.CallID, res.Status, want)
		}
		return r
	}
	r := apply(Record{}, 200, some("as many as fit", "a", fit, 60))
	apply(r, 403, some("more", "b", 2, 60))
	r = apply(r, 200, some("traces of others", "b", 8, 0))
	if r.Size() > MaxRecordSize {
		t.Errorf("traces made it %d bytes", r.Size())
	}
	for i := range 20 {
		r = apply(r, 200, register(fmt.Sprint("come and go", i), 1, long("a0", 0)))
		r = apply(r, 200, register(fmt.Sprint("come and go", i), 2, long("a0", 60)))
		r = apply(r, 200, register(fmt.Sprint("trace", i), 1, long(fmt.Sprint("b", i), 0)))
	}
	both := merged(r, apply(Record{}, 200, some("others", "A", fit, 60)))
	both = apply(both, 200, register("of both", 1, long("A0", 0)))
	if both.LiveCount(start) != 2*fit-1 {
		t.Errorf("%d are left", both.LiveCount(start))
	}
	both = apply(both, 200, register("x", 1, long("A1", 90)))
	apply(both, 200, star("all", 1))
}

// How many URIs are compared in full has a bound: what comes after it is told by its bytes.
func TestComparedAreBounded(t *testing.T) {
	for others, live := range map[int]int{10: 59, 20: 60} {
		u := register("a", 1)
		for i := range 60 {
			u.Contacts = append(u.Contacts, contact(fmt.Sprintf("sip:a@example.com;x=%d", i), 60))
		}
		r, _ := applied(start, Record{}, &u, Limits{MaxContacts: 60}, uint64(start), 1)
		u = register("b", 1)
		for i := range others {
			u.Contacts = append(u.Contacts, outbound(fmt.Sprintf("sip:a@example.com;x=a%d", i), "", 0, 0))
		}
		u.Contacts = append(u.Contacts, contact("sip:a@EXAMPLE.com;x=59", 0))
		if r, _ = applied(start, r, &u, Limits{MaxContacts: 60}, uint64(start), 1); r.LiveCount(start) != live {
			t.Errorf("after %d others %d are left, want %d", others, r.LiveCount(start), live)
		}
	}
}

// Contacts that differ only in parameters have to be compared in full.
func BenchmarkMostContacts(b *testing.B) {
	uri := func(i int) string {
		return "sip:alice@example.com" + strings.Repeat(";%61bcdefghijklmnop=%61bcdefg", 12) + fmt.Sprintf(";x=%d", i)
	}
	lim := Limits{MaxContacts: 60}
	full := register("a", 1)
	for i := range 60 {
		full.Contacts = append(full.Contacts, contact(uri(i), 3600))
	}
	registered, res := applied(start, Record{}, &full, lim, uint64(start), 1)
	if res.Status != 200 {
		b.Fatal(res.Status)
	}
	for name, expires := range map[string]uint32{"bind60": 3600, "remove128": 0} {
		u := register("b", 1)
		for i := range map[uint32]int{3600: 60, 0: 128}[expires] {
			u.Contacts = append(u.Contacts, contact(uri(1000+i), expires))
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				applied(start, merged(Record{}, registered), &u, lim, uint64(start), 1)
			}
		})
	}
}
