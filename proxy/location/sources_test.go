package location

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// TestSources: who has more than a ninth of the bindings is found by a pass over the store,
// however many others there are, and who has none any more is not.
func TestSources(t *testing.T) {
	const parts, now = 8, 1_000_000
	s := NewStore(parts)
	register := func(user int, source uint64) {
		aor := fmt.Appendf(nil, "sip:u%d@example.com", user)
		u := &Update{
			AOR: aor, Contacts: []ContactUpdate{{URI: fmt.Appendf(nil, "sip:u%d@192.0.2.1", user), Expires: 3600}},
			CallID: fmt.Appendf(nil, "c%d", user), CSeq: 1, Source: source, Flow: flow.Flow{},
		}
		if r := s.Apply(now, user%parts, uint64(user), u, Limits{MaxContacts: 10}, now, 1); r.Status != StatusOK {
			t.Fatal(r.Status)
		}
	}
	pass := func(now int64) {
		for part := range parts {
			s.Purge(now, part)
		}
	}
	for user := range 1000 {
		source := uint64(1000 + user) // of its own
		switch {
		case user%4 == 0:
			source = 1
		case user%5 == 0:
			source = 2
		}
		register(user, source)
	}
	if got := s.Sources(); len(got) > 0 {
		t.Errorf("before a pass: %v", got)
	}
	pass(now)
	pass(now) // its begin ends the first
	got := s.Sources()
	slices.SortFunc(got, func(a, b SourceCount) int { return cmp.Compare(b.Bindings, a.Bindings) })
	if len(got) < 2 || got[0].Source != 1 || got[0].Bindings < 250-1000/9 || got[0].Bindings > 250 || got[1].Source != 2 || got[1].Bindings < 150-1000/9 || got[1].Bindings > 150 {
		t.Errorf("of 250 and 150 in 1000: %v", got)
	}
	const later = now + 4_000_000_000
	pass(later)
	pass(later)
	if got := s.Sources(); len(got) > 0 {
		t.Errorf("when all have expired: %v", got)
	}
}
