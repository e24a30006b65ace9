package cluster

import (
	"fmt"
	"testing"
)

// sumOf adds up a count of all members.
func (b *bench) sumOf(count func(Stats) float64) (n float64) {
	for _, m := range b.nodes {
		n += count(m.core.Stats())
	}
	return n
}

func thin(s Stats) float64 { return float64(s.UnderReplicated) }

// TestMissingCopiesAreCountedOnce: from the loss of a member until others have its
// share, at whoever is home, and not for want of members.
func TestMissingCopiesAreCountedOnce(t *testing.T) {
	const users = 50
	b := newBench(t, 2, 3)
	b.settle()
	for i := range users {
		b.mustRegister(b.nodes[1], newRegister(fmt.Sprintf("sip:u%d@ring.example", i), 1, 3600))
	}
	held := b.sumOf(func(s Stats) float64 { return float64(s.Bindings) })
	if n := b.sumOf(thin); n != 0 || held != 2*users {
		t.Fatalf("whole: %v bindings lack copies, %v are held", n, held)
	}
	had := float64(b.nodes[3].core.Stats().Bindings)
	b.die(3)
	b.lose(3)
	if n := b.sumOf(thin); n != had || n == 0 {
		t.Errorf("a member with %v is lost: %v bindings lack copies", had, n)
	}
	b.carry()
	b.pass(500)
	if n := b.sumOf(thin); n != 0 {
		t.Errorf("repaired: %v bindings lack copies", n)
	}
	b.die(2)
	b.lose(2)
	b.carry()
	b.pass(500)
	if n := b.sumOf(thin); n != 0 {
		t.Errorf("one member is left: %v bindings lack copies", n)
	}
}

// TestLossBeyondThePromiseIsCounted: where as many members are lost at once as hold
// a partition, those that are left know how many partitions it were, and about how
// many bindings; where fewer are, nothing is.
func TestLossBeyondThePromiseIsCounted(t *testing.T) {
	const users = 400
	lost := func(s Stats) float64 { return float64(s.LostPartitions) }
	for die := uint32(1); die <= 2; die++ {
		b := newBench(t, 2, 4)
		b.settle()
		for i := range users {
			b.mustRegister(b.nodes[1], newRegister(fmt.Sprintf("sip:u%d@ring.example", i), 1, 3600))
		}
		v, want := b.nodes[1].membership.View(), 0.0
		for p := range v.Ring.Partitions() {
			if owners := v.Ring.Owners(p); die == 2 && min(owners[0], owners[1]) >= 3 {
				want++
			}
		}
		for id := 5 - die; id <= 4; id++ {
			b.die(id)
		}
		for id := 5 - die; id <= 4; id++ {
			b.lose(id)
		}
		b.carry()
		b.pass(500)
		kept := 0.0
		for i := range users {
			aor := fmt.Sprintf("sip:u%d@ring.example", i)
			for _, n := range b.nodes {
				if !n.core.Peek([]byte(aor)).IsZero() {
					kept++
					break
				}
			}
		}
		partitions, bindings := b.sumOf(lost), b.sumOf(func(s Stats) float64 { return s.LostBindings })
		if gone := users - kept; partitions != want || bindings < gone/2 || bindings > 2*gone || die == 2 && gone == 0 {
			t.Errorf("%d of 4 die: %v partitions counted as lost, want %v; %v bindings of %v", die, partitions, want, bindings, gone)
		}
		b.add(4)
		b.meet()
		b.pass(4000)
		b.settle()
		if n := b.sumOf(lost); n != want {
			t.Errorf("%d of 4 died, one is back: %v partitions counted as lost", die, n)
		}
	}
}

// TestWhatIsRefusedIsCounted: ops without a view, and messages that cannot be read or
// are of nobody that is up.
func TestWhatIsRefusedIsCounted(t *testing.T) {
	c, e := NewCore(CoreConfig{Self: 1, Incarnation: 1, Cores: 1}), &Effects{}
	c.Register(start, newRegister("sip:bob@ring.example", 1, 3600), e)
	c.Lookup(start, &LookupOp{AOR: []byte("sip:bob@ring.example")}, e)
	if s := c.Stats(); s.RefusedOps != 2 || len(e.Registers) != 1 || len(e.Lookups) != 1 {
		t.Errorf("without a view: %d counted", s.RefusedOps)
	}
	b := newBench(t, 2, 2)
	b.settle()
	n := b.nodes[1]
	for _, m := range []mail{
		{from: 2, b: nil},
		{from: 2, b: []byte{protocolVersion | byte(kindStatus), 0, 1}},
		{from: 2, b: []byte{0xff, 0}},
		{from: 9, b: []byte{protocolVersion | byte(kindNoted), 0, 0, 0, 0, 0}},
	} {
		before := n.core.Stats().DroppedMessages
		n.core.Message(b.now, m.from, m.b, &n.effects)
		if got := n.core.Stats().DroppedMessages - before; got != 1 {
			t.Errorf("%x of m%d: %d counted", m.b, m.from, got)
		}
	}
}
