package cluster

import (
	"slices"
	"testing"
)

// A: nothing is fetched before every peer has confirmed that it sends updates.
func TestFetchesAfterAllHaveConfirmed(t *testing.T) {
	b, owners := settled(t, 3, 3)
	fresh := b.restart(owners[2].id)
	b.carryWhere(func(m mail) bool { return m.from != owners[1].id || m.kind() != kindNoted })
	if got := fresh.core.Stats().SnapshotsBytes; got > 0 || fresh.holding(aor) != filling {
		t.Fatalf("fetched %d bytes, is %v", got, fresh.holding(aor))
	}
	b.carry()
	if fresh.holding(aor) != held || !fresh.has(b, aor) {
		t.Fatalf("is %v", fresh.holding(aor))
	}
}

// A: who comes while a partition is fetched, or comes again, must confirm too before it counts as held.
func TestHeldAfterNewcomersHaveConfirmed(t *testing.T) {
	for name, late := range map[string]func(b *bench, fresh, other uint32){
		"new": func(b *bench, fresh, other uint32) {
			n := b.nodes[fresh]
			b.view(n, n.membership.PeerDown(b.now, other, "test"))
			b.stream(fresh, other)
		},
		"again": func(b *bench, fresh, other uint32) { b.again(fresh, other) },
	} {
		t.Run(name, func(t *testing.T) {
			b, owners := settled(t, 3, 3)
			fresh := b.restart(owners[2].id)
			b.carryWhere(but(kindSnapshot))
			source := fresh.core.partitions.parts[fresh.local(aor)].fill.sources[0].id
			other := owners[0].id
			if source == other {
				other = owners[1].id
			}
			late(b, fresh.id, other)
			b.carryWhere(func(m mail) bool { return m.from == source && m.kind() == kindSnapshot })
			if fresh.holding(aor) != filling {
				t.Fatalf("is %v before m%d has confirmed", fresh.holding(aor), other)
			}
			b.again(fresh.id, other)
			b.carry()
			if fresh.holding(aor) != held {
				t.Fatalf("is %v", fresh.holding(aor))
			}
		})
	}
}

// C: that nobody holds a partition is concluded after two rounds of announcements.
func TestNobodyHoldsIsAskedTwice(t *testing.T) {
	b := newBench(t, 2, 2)
	b.meet()
	for confirmed := 0; len(b.mail) > 0; {
		if m := b.mail[0]; m.to == 1 && m.kind() == kindNoted {
			confirmed++
		}
		b.carryOne()
		if b.sent(kindPull, 1, 2) > 0 {
			if confirmed < 2 {
				t.Fatalf("concluded after %d confirmations", confirmed)
			}
			return
		}
	}
	t.Fatal("nothing was fetched")
}

// C: what is fetched from one member comes from one that has everything.
func TestFetchesFromWhoServes(t *testing.T) {
	b, owners := settled(t, 3, 3)
	first := b.restart(owners[1].id)
	second := b.restart(owners[2].id)
	b.carryWhere(but(kindPull))
	for _, m := range b.mail {
		if m.to != owners[0].id {
			t.Errorf("m%d fetches from m%d, which has nothing", m.from, m.to)
		}
	}
	b.carry()
	if !first.has(b, aor) || !second.has(b, aor) {
		t.Error("not fetched")
	}
}

// C: a source that has dropped the partition meanwhile is none, and another is asked.
func TestSourceMustHold(t *testing.T) {
	b, owners := settled(t, 3, 3)
	fresh := b.restart(owners[2].id)
	b.carryWhere(but(kindPull))
	local := fresh.local(aor)
	source := b.nodes[fresh.core.partitions.parts[local].fill.sources[0].id]
	source.core.partitions.becomeNone(local)
	b.carryWhere(func(m mail) bool { return m.kind() == kindPull || m.kind() == kindSnapshot })
	if fresh.holding(aor) == held && !fresh.has(b, aor) {
		t.Fatal("what a member without the partition sent was taken for all of it")
	}
	b.pass(100)
	if fresh.holding(aor) != held || !fresh.has(b, aor) {
		t.Fatalf("is %v", fresh.holding(aor))
	}
}

// An answer that was asked for before the fill began again is none.
func TestAnswerOfAnEarlierFillDoesNotCount(t *testing.T) {
	b, owners := settled(t, 2, 2)
	fresh := b.restart(owners[1].id)
	b.carryWhere(but(kindSnapshot))
	early := slices.Clone(b.mail)
	for _, local := range fresh.core.syncer.fills {
		fresh.core.syncer.restart(fresh.core.partitions.parts[local].fill)
		fresh.core.partitions.announce(local)
	}
	b.mail = nil
	b.tick(fresh)
	b.carryWhere(but(kindPull))
	b.mail = early
	b.carryWhere(but())
	if got := fresh.holding(aor); got != filling {
		t.Errorf("is %v", got)
	}
}

func TestFillSurvivesABrokenStream(t *testing.T) {
	b, owners := settled(t, 2, 2)
	fresh := b.restart(owners[1].id)
	b.carryWhere(but(kindPull))
	b.again(owners[0].id, owners[1].id)
	b.carry()
	b.pass(100)
	if fresh.holding(aor) != held || !fresh.has(b, aor) {
		t.Errorf("is %v", fresh.holding(aor))
	}
}

func TestFillGoesToAnotherSource(t *testing.T) {
	b, owners := settled(t, 3, 3)
	fresh := b.restart(owners[2].id)
	b.carryWhere(but(kindPull))
	source := fresh.core.partitions.parts[fresh.local(aor)].fill.sources[0].id
	b.die(source)
	b.lose(source)
	b.carry()
	b.pass(100)
	if fresh.holding(aor) != held || !fresh.has(b, aor) {
		t.Errorf("is %v", fresh.holding(aor))
	}
}

// away is a cluster of three where one holds the AOR, is out of reach, and the others have begun anew.
func away(t *testing.T) (b *bench, keeper, fresh *node) {
	b, owners := settled(t, 3, 3)
	keeper = owners[0]
	delete(b.nodes, keeper.id)
	for _, n := range owners[1:] {
		fresh = b.restart(n.id)
	}
	b.lose(keeper.id)
	return b, keeper, fresh
}

// What was concluded while a member was away is in doubt as soon as it comes.
func TestConclusionIsTakenBack(t *testing.T) {
	for name, until := range map[string]func(mail) bool{"drawn": but(), "under way": but(kindSnapshot)} {
		t.Run(name, func(t *testing.T) {
			b, keeper, fresh := away(t)
			b.carryWhere(until)
			if drawn := fresh.holding(aor) == held; drawn != (name == "drawn") {
				t.Fatalf("is %v", fresh.holding(aor))
			}
			b.nodes[keeper.id] = keeper
			for id := range b.nodes {
				if id != keeper.id {
					b.again(id, keeper.id)
				}
			}
			b.lookup(fresh, aor)
			b.carry()
			b.wantFound(fresh, Found, 1)
		})
	}
}

// A new process holds nothing of what the one before held, before it has said a word: nobody is asked in vain.
func TestNewProcessHoldsNothing(t *testing.T) {
	b, owners := settled(t, 1, 3)
	fresh := b.restart(owners[0].id)
	b.mail = nil
	for _, n := range b.nodes {
		if n != fresh {
			b.lookup(n, aor)
		}
	}
	if len(b.mail) > 0 {
		t.Errorf("m%d asks m%d", b.mail[0].from, b.mail[0].to)
	}
}

// What two members hold is compared when their stream stands again, and not when its turn in the sweep comes.
func TestComparedWhenAStreamStandsAgain(t *testing.T) {
	b, owners := settled(t, 2, 2)
	for _, n := range owners {
		n.core.cfg.SweepPeriod = 1 << 40
	}
	const lost = "sip:lost@example.com"
	b.register(b.nodes[b.owners(lost)[0]], newRegister(lost, 1, 3600))
	b.mail = nil
	b.pass(owners[0].core.cfg.Timeout + 100)
	if owners[0].has(b, lost) == owners[1].has(b, lost) {
		t.Fatal("nothing differs")
	}
	b.again(owners[0].id, owners[1].id)
	b.carry()
	b.pass(100)
	for _, n := range owners {
		if !n.has(b, lost) {
			t.Errorf("m%d has not got it", n.id)
		}
	}
}
