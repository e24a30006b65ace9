package peer

import (
	"fmt"
	"testing"
)

func TestBindingsAreFoundEverywhere(t *testing.T) {
	c := newTrial(t, 3)
	c.startAll()
	for i := range 60 {
		aor, contact := fmt.Sprintf("sip:u%d@ring.example", i), fmt.Sprintf("sip:u%d@192.0.2.1", i)
		if status := c.register(uint32(i%3+1), aor, contact, 1); status != 200 {
			t.Fatalf("register %s: %d", aor, status)
		}
		c.wantBound(aor, contact)
	}
}
