package cluster

import "testing"

const stallAOR = "sip:stopped@example.com"

// stop lets time pass in which the member does not run.
func (b *bench) stop(id uint32, ms int64) {
	n := b.nodes[id]
	delete(b.nodes, id)
	b.pass(ms)
	b.nodes[id] = n
}

// stoppedOwner is a cluster of three in which an owner of stallAOR was stopped, while the others registered without it.
func stoppedOwner(t *testing.T) (b *bench, stopped *node, other *node) {
	b = newBench(t, 2, 3)
	b.settle()
	owners := b.owners(stallAOR)
	stopped, other = b.nodes[owners[1]], b.nodes[owners[0]]
	for id, n := range b.nodes {
		if id != stopped.id {
			b.view(n, n.membership.PeerDown(b.now, stopped.id, "silent"))
		}
	}
	delete(b.nodes, stopped.id)
	b.carry()
	b.mustRegister(other, newRegister(stallAOR, 1, 3600))
	b.pass(1000)
	b.nodes[stopped.id] = stopped
	return b, stopped, other
}

// TestStoppedProcessDoesNotServe what the others acknowledged without it: it does not know that they took it for dead.
func TestStoppedProcessDoesNotServe(t *testing.T) {
	b, stopped, _ := stoppedOwner(t)
	b.dropped[stopped.id] = true // its streams have ended
	b.lookup(stopped, stallAOR)
	b.carry()
	if len(stopped.found) > 0 {
		t.Fatalf("answered %d", stopped.found[0].Result)
	}
	delete(b.dropped, stopped.id)
	for id, n := range b.nodes { // new streams: the others tell that they missed it
		if id == stopped.id {
			continue
		}
		b.stream(id, stopped.id)
		b.stream(stopped.id, id)
		b.view(stopped, stopped.membership.PeerMissed(b.now, id, n.membership.incarnation, n.membership.Missed(stopped.id)))
	}
	b.carry()
	b.pass(100)
	b.wantFound(stopped, Found, 1)
	b.mustFind(stopped, stallAOR, Found, 1)
}

// TestMissedIsHeardOnce for every loss, and not where each missed the other.
func TestMissedIsHeardOnce(t *testing.T) {
	set := testSet(1, 2, 2, "active")
	one, two := NewMembership(1, 11, 0), NewMembership(2, 22, 0)
	one.SetChanged(start, set)
	two.SetChanged(start, set)
	meet := func() { one.PeerUp(start, 2, 22, true, false); two.PeerUp(start, 1, 11, true, false) }
	tell := func() uint64 {
		two.PeerMissed(start, 1, 11, one.Missed(2))
		one.PeerMissed(start, 2, 22, two.Missed(1))
		return two.Accused()
	}
	meet()
	if got := tell(); got != 0 || one.Accused() != 0 {
		t.Errorf("nobody was missed: accused %d", got)
	}
	for range 2 { // the same loss, told on every stream
		one.PeerDown(start, 2, "silent")
		one.PeerDown(start, 2, "silence")
		meet()
		tell()
		meet()
		tell()
	}
	if got := tell(); got != 2 || one.Accused() != 0 {
		t.Errorf("missed twice: accused %d, of the other %d", got, one.Accused())
	}
	one.PeerDown(start, 2, "silent")
	two.PeerDown(start, 1, "silent")
	meet()
	if got := tell(); got != 2 || one.Accused() != 0 {
		t.Errorf("each missed the other: accused %d and %d", got, one.Accused())
	}
	two.PeerUp(start, 1, 12, true, false) // another process
	two.PeerMissed(start, 1, 11, 99)
	if got := two.Accused(); got != 2 {
		t.Errorf("told by a process that is gone: accused %d", got)
	}
}

// TestStallCostsARoundTrip where nobody took the member for dead.
func TestStallCostsARoundTrip(t *testing.T) {
	b := newBench(t, 2, 2)
	b.settle()
	n := b.nodes[1]
	b.mustRegister(n, newRegister(stallAOR, 1, 3600))
	b.stop(1, 1000)
	filled := n.core.Stats().Filled
	n.found = nil
	b.lookup(n, stallAOR)
	if len(n.found) > 0 {
		t.Fatal("answered before the other has confirmed")
	}
	b.carry()
	b.wantFound(n, Found, 1)
	n.found = nil
	b.lookup(n, stallAOR)
	b.wantFound(n, Found, 1) // by itself again
	if got := n.core.Stats(); got.Stalls != 1 || got.Filled != filled {
		t.Errorf("%d stalls, %d partitions fetched", got.Stalls, got.Filled-filled)
	}
}

// TestLossInDoubtIsMadeGood: a stopped process whose peers are gone as it goes on has what it had, until one comes back.
func TestLossInDoubtIsMadeGood(t *testing.T) {
	b, stopped, other := stoppedOwner(t)
	b.dropped[stopped.id] = true
	b.lookup(stopped, stallAOR)
	for id := range b.nodes {
		if id != stopped.id {
			b.view(stopped, stopped.membership.PeerDown(b.now, id, "refused"))
		}
	}
	delete(b.dropped, stopped.id)
	b.stream(other.id, stopped.id)
	b.stream(stopped.id, other.id)
	b.carry()
	b.pass(100)
	b.mustFind(stopped, stallAOR, Found, 1)
}
