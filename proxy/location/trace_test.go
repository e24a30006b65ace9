package location

import (
	"fmt"
	"testing"
)

// A removal where there is nothing to remove removes what another copy has, of an older version.
func TestTracesMerge(t *testing.T) {
	gone := contact("sip:a@1", 0)
	for name, removal := range map[string]Update{
		"a contact":           sent(2, register("a", 2, gone)),
		"*":                   sent(2, star("a", 2)),
		"* of another phone":  sent(2, star("b", 1)),
		"a contact, by texts": sent(2, register("a", 2, gone, contact("sip:a@2", 0))),
	} {
		t.Run(name, func(t *testing.T) {
			u := sent(1, register("a", 1, contact("sip:a@1", 3600)))
			there, _ := applied(start, Record{}, &u, Limits{}, uint64(start)-1, 1)
			here, res := applied(start, Record{}, &removal, Limits{}, uint64(start), 2)
			if !res.Changed || res.Stamp == (Version{}) || res.Status != 200 {
				t.Fatalf("the removal of what is not there: %+v", res)
			}
			delta, _, _, err := ParseRecord(nil, AppendDelta(nil, here, start, res.Stamp), start)
			if err != nil {
				t.Fatal(err)
			}
			s := NewStore(1)
			s.Merge(0, 1, there)
			if !s.Merge(0, 1, delta) || s.Get(0, []byte(aor)).LiveCount(start) != 0 {
				t.Errorf("the other copy has %v", show(s.Get(0, []byte(aor)), start))
			}
			if s.Merge(0, 1, there) || s.Get(0, []byte(aor)).LiveCount(start) != 0 {
				t.Errorf("what was removed came back: %v", show(s.Get(0, []byte(aor)), start))
			}
			if s.Purge(start+OrderFor, 0); s.Stats().Records != 0 {
				t.Error("the removal is remembered for ever")
			}
		})
	}
}

// Removals of what nobody registered take no more memory than tombstones may, and no longer than they order.
func TestTracesAreBounded(t *testing.T) {
	s := NewStore(1)
	for i := range uint32(500) {
		u := sent(i+1, register(fmt.Sprint("call", i), 1))
		for j := range 40 {
			u.Contacts = append(u.Contacts, contact(fmt.Sprintf("sip:a@host%d-%d.example.com", i, j), 0))
		}
		if i%5 == 0 {
			u = sent(i+1, star(fmt.Sprint("call", i), 1))
		}
		if res := s.Apply(start, 0, 1, &u, Limits{MaxContacts: 4}, uint64(start), 1); res.Status != 200 {
			t.Fatalf("removal %d: %d", i, res.Status)
		}
	}
	r := s.Get(0, []byte(aor))
	if n := bindingsIn(r); n > 8 || r.Size() > 2048 {
		t.Errorf("%d traces of %d bytes", n, r.Size())
	}
	if s.Purge(start+OrderFor, 0); s.Stats().Records != 0 {
		t.Errorf("remembered after %d ms", OrderFor)
	}
}
