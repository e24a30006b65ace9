package peer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sipring/sipring/proxy/location"
)

// TestHomeAORs of all members are every address-of-record once, and Look finds each where it is held, and nowhere else.
func TestHomeAORs(t *testing.T) {
	c := newTrial(t, 3)
	c.startAll()
	var want, got []string
	for i := range 60 {
		aor := fmt.Sprintf("sip:u%02d@example.com", i)
		if status := c.register(uint32(i%3+1), aor, "sip:a@192.0.2.1", 1); status != location.StatusOK {
			t.Fatal(status)
		}
		want = append(want, aor)
	}
	for _, n := range c.nodes {
		if err := n.HomeAORs(t.Context(), func(aor []byte) { got = append(got, string(aor)) }); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
	var wrong []string
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(wrong)
		}
	})
	// What a member held before the others came, it has until they have it.
	until(t, "each is held by its owners and nobody else", func() bool {
		wrong = misplaced(c, want)
		return len(wrong) == 0
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.nodes[1].HomeAORs(ctx, func([]byte) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("without time: %v", err)
	}
}

// misplaced says where an address-of-record is not held that should be, or is that
// should not. A copy that came to a member while it was about to hold the partition,
// and then was not to, is a stray: it stays for a while, and the member holds nothing.
func misplaced(c *trial, aors []string) (wrong []string) {
	ring := c.nodes[1].View()
	for _, aor := range aors {
		owners := ring.Ring.Owners(ring.Partition([]byte(aor)))
		for id, n := range c.nodes {
			l, ok := n.Look([]byte(aor))
			held, live := slices.Contains(owners, id), l.Record.LiveCount(l.Now) > 0
			if !ok || held && !live || held != (l.Holding == "held") || !held && l.Holding != "none" {
				wrong = append(wrong, fmt.Sprintf("%s at %d of %v: %s, live: %v", aor, id, owners, l.Holding, live))
			}
		}
	}
	return wrong
}
