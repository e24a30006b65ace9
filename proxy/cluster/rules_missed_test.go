package cluster

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// What a member missed it fetches from the one that said so: another may not have heard of it yet.
func TestMissedIsFetchedFromWhoTold(t *testing.T) {
	b := newBench(t, 3, 3)
	b.settle()
	accuser, told := b.nodes[1], b.nodes[2]
	b.view(accuser, accuser.membership.PeerDown(b.now, 2, "glitch"))
	b.view(accuser, accuser.membership.PeerDown(b.now, 3, "glitch"))
	b.mail = nil
	names := make([]string, 16)
	for i := range names {
		names[i] = fmt.Sprintf("sip:%d@example.com", i)
		b.mustRegister(accuser, newRegister(names[i], 2, 3600))
	}
	for _, id := range []uint32{2, 3} {
		b.again(1, id)
	}
	b.carryWhere(func(m mail) bool { return m.from != 1 || m.to != 3 }) // who would tell member 3 is late
	for _, name := range names {
		b.lookup(told, name)
	}
	b.carry()
	b.pass(100)
	for _, op := range told.found {
		if op.Result != Found {
			t.Errorf("%s: answered %d", op.AOR, op.Result)
		}
	}
	if len(told.found) != len(names) {
		t.Errorf("%d answers of %d", len(told.found), len(names))
	}
}

// Who stored an update knows as well as who ordered it whom it passed by.
func TestHolderTellsWhatPassedBy(t *testing.T) {
	b, owners := settled(t, 3, 3)
	home, holder, wronged := owners[0], owners[1], owners[2]
	for _, n := range owners[:2] {
		b.view(n, n.membership.PeerDown(b.now, wronged.id, "glitch"))
	}
	b.carry()
	b.mustRegister(home, newRegister(aor, 2, 3600))
	b.die(home.id)
	b.lose(home.id)
	b.again(holder.id, wronged.id)
	b.carry()
	b.mustFind(wronged, aor, Found, 2)
}

// Who missed something is told on every stream, until it has confirmed that it knows.
func TestMissedIsToldOnEveryStream(t *testing.T) {
	b, owners := settled(t, 2, 2)
	b.view(owners[0], owners[0].membership.PeerDown(b.now, owners[1].id, "glitch"))
	b.mail = nil
	b.mustRegister(owners[0], newRegister(aor, 2, 3600))
	for range 3 { // what the first two carry is lost
		b.again(owners[0].id, owners[1].id)
	}
	b.carry()
	b.mustFind(owners[1], aor, Found, 2)
}

// Members that took each other for dead both serve on, and compare.
func TestBothServeAfterAPartition(t *testing.T) {
	b, owners := settled(t, 2, 2)
	for i, n := range owners {
		b.view(n, n.membership.PeerDown(b.now, owners[1-i].id, "cut"))
	}
	b.mail = nil
	for i, n := range owners {
		b.mustRegister(n, newRegister(aor, uint32(2+i), 3600))
	}
	b.again(owners[0].id, owners[1].id)
	b.carryWhere(but(kindSnapshot))
	for i, n := range owners {
		b.lookup(n, aor)
		b.wantFound(n, Found, uint32(2+i))
	}
	b.carry()
	b.pass(100)
	for _, n := range owners {
		b.mustFind(n, aor, Found, 3)
	}
}

// A process that was stopped doubts what it has if a peer goes before it has said whether it counted it in: that peer may
// have ordered updates, and those who got them do not know that this member did not.
func TestGoneWithoutAWordLeavesDoubt(t *testing.T) {
	b, owners := settled(t, 2, 3)
	n, third := owners[1], b.other(aor)
	b.mustRegister(third, newRegister(b.ownedBy(third), 1, 3600)) // so it may have something else too
	b.goneWithoutAWord(owners[0], n)
	b.again(n.id, third.id)
	b.carryWhere(but(kindSnapshot))
	b.lookup(n, aor)
	if len(n.found) > 0 {
		t.Fatalf("answered %d", n.found[0].Result)
	}
	b.carry()
	b.pass(100)
	b.wantFound(n, Found, 1)
}

// ownedBy returns an AOR that the member owns.
func (b *bench) ownedBy(n *node) string {
	for i := range 64 {
		if aor := fmt.Sprintf("sip:%d@example.com", i); slices.Contains(b.owners(aor), n.id) {
			return aor
		}
	}
	b.t.Fatalf("m%d owns nothing", n.id)
	return ""
}

// goneWithoutAWord has a member stopped, and a peer of it go before it has said whether it counted it in.
func (b *bench) goneWithoutAWord(peer, stopped *node) {
	b.stop(stopped.id, 1000)
	b.tick(stopped)
	b.mail = nil
	b.die(peer.id)
	b.lose(peer.id)
}

// A process in which nothing has been stored can not know better: who doubts what it has serves on when it has said so,
// though nobody else serves.
func TestEmptyProcessLeavesNoDoubt(t *testing.T) {
	for name, c := range map[string]struct{ replicas, members int }{
		"one copy": {1, 2}, "two": {2, 2}, "more than members": {3, 2}, "a third is away": {3, 3},
	} {
		t.Run(name, func(t *testing.T) {
			b, owners := settled(t, c.replicas, c.members)
			n, other := owners[0], b.nodes[owners[0].id%2+1]
			for _, m := range b.nodes {
				if m != n && m != other {
					b.die(m.id)
					b.lose(m.id)
				}
			}
			b.goneWithoutAWord(other, n)
			b.restart(other.id)
			if b.lookup(n, aor); len(n.found) > 0 {
				t.Fatalf("answered %d before it has said so", n.found[0].Result)
			}
			b.carryWhere(but(kindSnapshot))
			b.wantFound(n, Found, 1)
			if synced, _ := n.membership.SelfState(); !synced {
				t.Error("not synced")
			}
			if doubt := n.core.partitions.at(n.local(aor)).alone; doubt != (c.members > 2) {
				t.Errorf("in doubt when another comes: %v", doubt)
			}
			b.register(n, newRegister(aor, 2, 3600))
			b.carryWhere(but(kindSnapshot))
			b.wantAnswers(n, 1, 200)
			b.pass(DefaultUnknownWait + 500)
			b.mustFind(b.nodes[other.id], aor, Found, 2)
		})
	}
}

// Who hears that one took it for dead asks everybody before it serves on: others may have.
func TestWrongDeathIsAskedAbout(t *testing.T) {
	b, owners := settled(t, 2, 3)
	accuser, n := owners[0], owners[1]
	b.view(accuser, accuser.membership.PeerDown(b.now, n.id, "glitch"))
	b.again(accuser.id, n.id)
	b.view(n, n.membership.PeerMissed(b.now, accuser.id, accuser.membership.incarnation, accuser.membership.Missed(n.id)))
	b.lookup(n, aor)
	if len(n.found) > 0 {
		t.Fatalf("answered %d before anybody has confirmed", n.found[0].Result)
	}
	b.carry()
	b.wantFound(n, Found, 1)
}

// The silence of others says nothing where nobody was heard: they are waited for once somebody is.
func TestSilenceOfAllIsNobodysDeath(t *testing.T) {
	for rule, met := range map[string]int64{"given up before": DefaultUnknownWait, "nearly given up": DefaultUnknownWait - 1} {
		m := NewMembership(1, 10, 0)
		m.SetChanged(0, testSet(1, 2, 3, config.Active))
		m.Tick(met)
		if v := m.PeerUp(met, 2, 20, true, false); !v.Pending {
			t.Errorf("%s: the third member is not waited for", rule)
		}
		if v := m.Tick(met + DefaultUnknownWait - 1); v != nil {
			t.Errorf("%s: the third member is not waited for as long as at the start", rule)
		}
		if v := m.Tick(met + DefaultUnknownWait); v == nil || v.Pending {
			t.Errorf("%s: the third member is waited for without end", rule)
		}
	}
}
