package peer

import (
	"slices"
	"sync"
	"testing"

	"github.com/sipring/sipring/proxy/cluster"
)

// TestChangesThatWaitAreOneView: many members meet this one while it is busy
// with a view, and one is lost. The loss comes first, the others together.
func TestChangesThatWaitAreOneView(t *testing.T) {
	const met = maxTogether + 5
	c := newTrial(t, met+3)
	n := c.start(1)
	var order []uint32
	var versions []uint64
	change := func(id uint32, loss bool) *change {
		return &change{loss: loss, event: func() {
			order = append(order, id)
			if loss {
				n.membership.machine.PeerDown(n.cfg.clock.now(), id, "test")
			} else {
				n.membership.machine.PeerUp(n.cfg.clock.now(), id, uint64(id), true, false)
			}
		}, after: func() { versions = append(versions, n.View().Version) }}
	}
	n.membership.change(change(2, false))
	n.membership.change(change(3, false)) // stays: without anybody this one would give the lost another chance
	order, versions = nil, nil

	var waiting sync.WaitGroup
	n.membership.mu.Lock()
	for id := uint32(4); id < met+4; id++ {
		waiting.Go(func() {
			n.membership.change(change(id, false))
			if !n.View().Up(id) {
				t.Errorf("member %d is not up as its change returns", id)
			}
		})
	}
	count := func() int {
		n.membership.changes.mu.Lock()
		defer n.membership.changes.mu.Unlock()
		return len(n.membership.changes.waiting) + len(n.membership.changes.losses)
	}
	until(t, "all wait", func() bool { return count() == met })
	waiting.Go(func() { n.membership.change(change(2, true)) })
	until(t, "the loss too", func() bool { return count() == met+1 })
	n.membership.mu.Unlock()
	waiting.Wait()

	n.membership.mu.Lock()
	defer n.membership.mu.Unlock()
	if len(order) != met+1 || order[0] != 2 {
		t.Errorf("order of the changes: %v", order)
	}
	if views := slices.Compact(versions); len(views) != 3 {
		t.Errorf("%d changes made the views %v, want 3", len(order), views)
	}
	if m, _ := n.View().Member(2); m.Liveness != cluster.Down {
		t.Errorf("the lost member is %v", m.Liveness)
	}
}
