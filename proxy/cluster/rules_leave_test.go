package cluster

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// leaver is a cluster of three in which all hold the AOR and the first of them leaves. What has come of that is under way.
func leaver(t *testing.T) (b *bench, n *node) {
	b, owners := settled(t, 3, 3)
	b.become(owners[0].id, config.Draining)
	return b, owners[0]
}

// leave lets time enough pass to leave, while messages of some kinds do not arrive.
func (b *bench) leave(n *node, kinds ...kind) {
	for range 20 {
		b.tick(n)
		b.carryWhere(but(kinds...))
	}
}

// D: a partition is kept until all know that this member leaves it.
func TestLeavesAfterAllHaveConfirmed(t *testing.T) {
	b, n := leaver(t)
	b.leave(n, kindNoted)
	if n.holding(aor) != leaving {
		t.Fatalf("is %v before the others know that it leaves", n.holding(aor))
	}
	b.leave(n)
	if n.holding(aor) != none {
		t.Fatalf("is %v", n.holding(aor))
	}
}

// D: it is kept until its owners hold it by their own word.
func TestLeavesAfterTheOwnersHold(t *testing.T) {
	b := newBench(t, 2, 3)
	b.settle()
	n := b.nodes[1]
	for i := range 64 {
		b.mustRegister(n, newRegister(fmt.Sprintf("sip:%d@example.com", i), 1, 3600))
	}
	had := map[int]bool{}
	for p := range n.core.partitions.parts {
		had[p] = n.core.partitions.parts[p].holding == held
	}
	b.become(n.id, config.Draining)
	b.leave(n, kindSnapshot)
	v := n.membership.View()
	for p := range n.core.partitions.parts {
		for _, id := range v.Ring.Owners(p) {
			if had[p] && n.holdingOf(p) != leaving && b.nodes[id].holdingOf(p) != held {
				t.Errorf("partition %d is dropped, and m%d has not got it", p, id)
			}
		}
	}
	b.leave(n)
	if left := n.core.Stats().Partitions; left > 0 {
		t.Errorf("%d partitions are left in the end", left)
	}
}

// D: that they have fetched it is not their word that they hold it: they may have begun to fetch it anew.
func TestLeavesAfterTheOwnersSayThatTheyHold(t *testing.T) {
	b := newBench(t, 2, 3)
	b.settle()
	n := b.nodes[1]
	for i := range 64 {
		b.mustRegister(n, newRegister(fmt.Sprintf("sip:%d@example.com", i), 1, 3600))
	}
	alone := map[int]uint32{} // partitions that another member is to fetch, and who
	b.become(n.id, config.Draining)
	v := n.membership.View()
	for p := range n.core.partitions.parts {
		for _, id := range v.Ring.Owners(p) {
			if n.holdingOf(p).serves() && b.nodes[id].holdingOf(p) != held {
				alone[p] = id
			}
		}
	}
	b.leave(n, kindSnapshot) // it knows that they fetch, and waits
	for range 20 {
		b.tick(n)
		b.carryWhere(func(m mail) bool { return m.to != n.id || m.kind() != kindStatus })
	}
	fetched := 0
	for p, id := range alone {
		if b.nodes[id].holdingOf(p) == held {
			fetched++
		}
		if n.holdingOf(p) != leaving {
			t.Errorf("partition %d is dropped, and m%d has not said that it holds it", p, id)
		}
	}
	if fetched == 0 {
		t.Error("nobody has fetched anything")
	}
	b.leave(n)
	if left := n.core.Stats().Partitions; left > 0 {
		t.Errorf("%d partitions are left in the end", left)
	}
}

// D: it is kept until its owners have what is here.
func TestLeavesAfterTheOwnersHaveTheSame(t *testing.T) {
	b, owners := settled(t, 3, 3)
	n := owners[0]
	b.register(n, newRegister(aor, 2, 3600))
	b.mail = nil
	b.pass(n.core.cfg.Timeout)
	b.wantAnswers(n, 1, 503)
	b.become(n.id, config.Draining)
	b.leave(n, kindPull)
	if n.holding(aor) != leaving {
		t.Fatalf("is %v before the others have the same", n.holding(aor))
	}
	b.leave(n)
	if n.holding(aor) != none {
		t.Fatalf("is %v", n.holding(aor))
	}
	b.mustFind(owners[1], aor, Found, 2)
}

// D: what is known of an owner ends with an update that was not sent to it.
func TestLeavesAfterWhatPassedAnOwnerBy(t *testing.T) {
	b, n := leaver(t)
	home, other := b.nodes[b.owners(aor)[0]], b.nodes[b.owners(aor)[1]]
	compared := func(m mail) bool { return m.from == home.id && m.kind() == kindDigest }
	for range 3 { // one owner says that it has the same, the word of the other is lost
		b.tick(n)
		b.carryWhere(func(m mail) bool { return !compared(m) })
	}
	b.mail = nil
	if n.holding(aor) != leaving {
		t.Fatalf("is %v", n.holding(aor))
	}
	b.view(home, home.membership.PeerDown(b.now, other.id, "cut"))
	passedOn := func(m mail) bool { return m.from == n.id && m.kind() == kindReplicate } // by the leaver, and still on its way
	b.carryWhere(func(m mail) bool { return !passedOn(m) })
	b.register(home, newRegister(aor, 2, 3600))
	b.carryWhere(func(m mail) bool { return !passedOn(m) })
	if !slices.ContainsFunc(b.mail, passedOn) {
		t.Fatal("no update passed the owner by")
	}
	b.leave(n, kindReplicate, kindPull)
	if n.holding(aor) != leaving {
		t.Fatalf("is %v", n.holding(aor))
	}
	b.leave(n)
	if n.holding(aor) != none || !other.has(b, aor) {
		t.Fatalf("is %v in the end", n.holding(aor))
	}
}

// An update is answered with the bindings there are.
func TestLeavesAfterItsUpdates(t *testing.T) {
	b, owners := settled(t, 3, 3)
	n := owners[0]
	op := newRegister(aor, 2, 3600)
	b.register(n, op)
	b.become(n.id, config.Draining)
	b.leave(n, kindStored)
	b.wantAnswers(n, 0, 0)
	b.carry()
	b.wantAnswers(n, 1, 200)
	if op.Record.LiveCount(op.Now) != 1 {
		t.Errorf("answered with %d bindings", op.Record.LiveCount(op.Now))
	}
}

// A member fetches what it will own before it is published as active.
func TestJoiningMemberFetchesEarly(t *testing.T) {
	b := newBench(t, 2, 3)
	b.become(3, config.Joining)
	b.settle()
	if b.nodes[3].core.Stats().Partitions == 0 {
		t.Error("holds nothing")
	}
}
