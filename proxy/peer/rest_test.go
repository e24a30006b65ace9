package peer

import (
	"testing"

	"github.com/sipring/sipring/proxy/cluster"
)

// TestLoopRestsUntilSomethingIsUnderWay: with nothing under way it rests. A
// lookup that nobody answers has it tick, and once the home does not answer,
// but the replica does, it rests again.
func TestLoopRestsUntilSomethingIsUnderWay(t *testing.T) {
	c := newTrial(t, 3)
	c.startAll()
	const aor, contact = "sip:rest@ring.example", "sip:rest@192.0.2.1"
	if status := c.register(1, aor, contact, 1); status != 200 {
		t.Fatalf("register: %d", status)
	}
	owners := c.nodes[1].View().Ring.Owners(c.nodes[1].View().Partition([]byte(aor)))
	edge := c.nodes[1+2+3-owners[0]-owners[1]] // owns nothing of it
	until(t, "nothing is under way", edge.pace.resting.Load)

	home, replica := c.nodes[owners[0]].cores.of(edge.View(), []byte(aor)), c.nodes[owners[1]].cores.of(edge.View(), []byte(aor))
	home.mu.Lock() // both hang
	replica.mu.Lock()
	ended := make(chan struct{})
	edge.Lookup(lookupOp(aor, func(r cluster.LookupResult, found []string) {
		if r != cluster.Found || len(found) != 1 || found[0] != contact {
			t.Errorf("found %v %v", r, found)
		}
		close(ended)
	}))
	until(t, "the loop ticks", func() bool { return !edge.pace.resting.Load() })
	replica.mu.Unlock()
	<-ended
	home.mu.Unlock()
	until(t, "nothing is under way any more", edge.pace.resting.Load)
}
