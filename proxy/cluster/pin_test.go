package cluster

import (
	"testing"

	"github.com/sipring/sipring/proxy/application"
)

// pinning pins the AOR through the member that asks, to its own application.
func (b *bench) pinning(at *node, cseq, seconds uint32) {
	b.t.Helper()
	u := (&application.PinUpdate{}).Update([]byte(aor), at.id, 1, cseq, seconds)
	b.mustRegister(at, &RegisterOp{Update: u})
}

// wantPinned: every member is told so.
func (b *bench) wantPinned(want uint32) {
	b.t.Helper()
	pin := string(application.AppendPinAOR(nil, []byte(aor)))
	for id := uint32(1); id <= 9; id++ {
		n := b.nodes[id]
		if n == nil {
			continue
		}
		n.found = nil
		n.core.Lookup(b.now+n.skew, &LookupOp{AOR: []byte(pin)}, &n.effects)
		b.collect(n)
		b.carry()
		if len(n.found) != 1 || n.found[0].Result == Unavailable {
			b.t.Fatalf("m%d: no answer: %+v", id, n.found)
		}
		got, ok := application.Pinned(n.found[0].Record, n.found[0].Now)
		if got != want || ok != (want != 0) {
			b.t.Errorf("m%d: pinned to %d, want %d", id, got, want)
		}
	}
}

// TestPinIsKeptAsABindingIs: there are as many copies as of a binding, it outlives its home, is replaced by whoever pins
// next, and ends by itself.
func TestPinIsKeptAsABindingIs(t *testing.T) {
	b := newBench(t, 2, 4)
	b.settle()
	pin := string(application.AppendPinAOR(nil, []byte(aor)))
	owners := b.owners(pin)
	var others []*node
	for id := uint32(1); id <= 4; id++ {
		if id != owners[0] && id != owners[1] {
			others = append(others, b.nodes[id])
		}
	}
	b.pinning(others[0], 1, 60)
	b.wantPinned(others[0].id)
	held := 0
	for _, n := range b.nodes {
		if n.has(b, pin) {
			held++
		}
	}
	if held != 2 {
		t.Errorf("%d members hold it", held)
	}
	b.die(owners[0])
	b.lose(owners[0])
	b.settle()
	b.wantPinned(others[0].id)
	b.pinning(others[1], 1, 60)
	b.wantPinned(others[1].id)
	b.pass(59_000)
	b.wantPinned(others[1].id)
	b.pass(1_100)
	b.wantPinned(0)
	b.pass(45_000) // what orders and what copies may be late are over
	for id, n := range b.nodes {
		if !n.core.Peek([]byte(pin)).IsZero() {
			t.Errorf("m%d remembers it", id)
		}
	}
}

// TestPinsMergeAsNewestWins: two members that take each other for dead pin the same AOR, and all agree when they meet.
func TestPinsMergeAsNewestWins(t *testing.T) {
	b := newBench(t, 3, 3)
	b.settle()
	apart := func(x, y uint32) {
		b.view(b.nodes[x], b.nodes[x].membership.PeerDown(b.now, y, "test"))
	}
	for _, id := range []uint32{1, 2} { // 3 is alone
		apart(id, 3)
		apart(3, id)
	}
	b.carry()
	b.pinning(b.nodes[1], 1, 60)
	b.now += 5
	b.pinning(b.nodes[3], 1, 60)
	b.settle()
	b.pass(2_000)
	b.wantPinned(3)
}
