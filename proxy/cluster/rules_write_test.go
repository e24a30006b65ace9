package cluster

import (
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/location"
)

func TestEveryHolderConfirms(t *testing.T) {
	b, owners := settled(t, 3, 3)
	b.register(owners[0], newRegister(aor, 2, 3600))
	b.carryWhere(func(m mail) bool { return m.from == owners[1].id || m.to == owners[1].id })
	b.wantAnswers(owners[0], 0, 0)
	b.carry()
	b.wantAnswers(owners[0], 1, 200)
}

func TestRemovalReachesTheHolders(t *testing.T) {
	b, owners := settled(t, 2, 3)
	b.mustRegister(owners[0], newRegister(aor, 2, 0))
	b.die(owners[0].id)
	b.lose(owners[0].id)
	b.settle()
	for _, n := range b.nodes {
		b.mustFind(n, aor, NotFound, 0)
	}
}

// An update goes to who serves, owner or not, and to who will own: at the moment that the view says so.
func TestUpdateGoesToLeavingAndJoiningMembers(t *testing.T) {
	b, owners := settled(t, 2, 3)
	leaver, newcomer := owners[1].id, b.other(aor).id
	b.become(leaver, config.Draining)
	b.carryWhere(but(kindSnapshot))
	b.register(owners[0], newRegister(aor, 2, 3600))
	if b.sent(kindReplicate, owners[0].id, leaver) == 0 {
		t.Error("not to the member that leaves, which still answers lookups")
	}
	if b.sent(kindReplicate, owners[0].id, newcomer) == 0 {
		t.Error("not to the owner to come")
	}

	b = newBench(t, 2, 3)
	b.become(3, config.Joining)
	b.settle()
	b.restart(3) // which has announced nothing yet
	n := b.nodes[1]
	for i := range 16 {
		name := "sip:" + string(rune('a'+i)) + "@example.com"
		if v := n.membership.View(); !v.Next.IsOwner(v.Partition([]byte(name)), 3) {
			continue
		}
		home := b.nodes[b.owners(name)[0]]
		b.register(home, newRegister(name, 1, 3600))
		if b.sent(kindReplicate, home.id, 3) == 0 {
			t.Errorf("%s: not to the member that joins and will own it", name)
		}
	}
}

// B: a confirmation of an announcement covers the updates under way.
func TestUpdateUnderWayGoesToANewHolder(t *testing.T) {
	b, owners := settled(t, 2, 3)
	home, third := owners[0], b.other(aor)
	b.register(home, newRegister(aor, 2, 3600))
	b.view(third, third.membership.PeerDown(b.now, owners[1].id, "test")) // it will own, and says so to the home
	b.carryWhere(func(m mail) bool { return m.from == third.id && m.kind() == kindStatus })
	if b.sent(kindReplicate, home.id, third.id) != 1 {
		t.Fatal("the update is not sent to who announced itself meanwhile")
	}
	b.carryWhere(func(m mail) bool { return m.from == owners[1].id || m.to == owners[1].id })
	b.wantAnswers(home, 0, 0)
	b.carryWhere(but(kindSnapshot))
	b.wantAnswers(home, 1, 200)
}

func TestUpdateLostWithAStreamIsSentAgain(t *testing.T) {
	b, owners := settled(t, 2, 3)
	b.register(owners[0], newRegister(aor, 2, 3600))
	b.again(owners[0].id, owners[1].id)
	b.carry()
	b.wantAnswers(owners[0], 1, 200)
}

func TestUpdateDoesNotWaitForTheDead(t *testing.T) {
	b, owners := settled(t, 3, 3)
	b.die(owners[2].id)
	b.register(owners[0], newRegister(aor, 2, 3600))
	b.carry()
	b.wantAnswers(owners[0], 0, 0)
	b.lose(owners[2].id)
	b.carry()
	b.wantAnswers(owners[0], 1, 200)
}

// A holder that only the others reach gets updates from them.
func TestUpdateIsRelayed(t *testing.T) {
	b, owners := settled(t, 3, 3)
	b.view(owners[0], owners[0].membership.PeerDown(b.now, owners[2].id, "cut"))
	b.carry()
	b.mustRegister(owners[0], newRegister(aor, 2, 3600))
	b.mustFind(owners[2], aor, Found, 2)
}

// What a process confirmed is gone with it, whether it was missed before the next one came or not.
func TestConfirmationDoesNotOutliveTheProcess(t *testing.T) {
	for name, missed := range map[string]bool{"missed": true, "not missed": false} {
		t.Run(name, func(t *testing.T) {
			b, owners := settled(t, 3, 3)
			home, victim := owners[0], owners[1].id
			b.register(home, newRegister(aor, 2, 3600))
			b.carryWhere(func(m mail) bool { return m.from == victim || m.to == victim })
			if missed {
				b.lose(victim)
			}
			b.restart(victim)
			b.carryWhere(func(m mail) bool { return m.from == owners[2].id || m.to == owners[2].id })
			b.wantAnswers(home, 0, 0)
			b.carry()
			b.wantAnswers(home, 1, 200)
			if !b.nodes[victim].has(b, aor) {
				t.Error("answered without the new process")
			}
		})
	}
}

// Two members that do not reach each other order updates of one phone. Who ordered the newer one hears from the holder
// they have in common that the older has won, by a faster clock, and orders it once more.
func TestConfirmationBringsWhatHasWon(t *testing.T) {
	b := newBench(t, 3, 3)
	b.settle()
	owners := b.owners(aor) // each of the first two is the home where the other is not
	fast, slow, common := b.nodes[owners[0]], b.nodes[owners[1]], b.nodes[owners[2]]
	fast.skew = 20 * 60 * 1000
	b.pass(100)
	b.view(fast, fast.membership.PeerDown(b.now, slow.id, "cut"))
	b.view(slow, slow.membership.PeerDown(b.now, fast.id, "cut"))
	b.carry()
	b.register(fast, newRegister(aor, 1, 3600))
	b.carryWhere(func(m mail) bool { return m.from == fast.id || m.to == fast.id })
	b.wantAnswers(fast, 1, 200)
	b.register(slow, newRegister(aor, 2, 3600))
	b.again(slow.id, common.id) // and what the common one passed on is lost
	b.carry()
	b.wantAnswers(slow, 1, 200)
	b.pass(100)
	b.mustFind(slow, aor, Found, 2)
	b.mustFind(common, aor, Found, 2)
}

// Who does not hold a partition says so, whatever is in its store.
func TestWhoDoesNotHoldRefuses(t *testing.T) {
	b, owners := settled(t, 2, 3)
	third, op := b.other(aor), newRegister(aor, 2, 3600)
	for name, ask := range map[string]func(e *Effects){
		"lookup": func(e *Effects) {
			start := owners[0].core.begin(e, kindLookup)
			e.u64(1)
			e.u32(uint32(third.local(aor)))
			e.str([]byte(aor))
			e.send(third.id, start)
		},
		"register": func(e *Effects) {
			start := owners[0].core.begin(e, kindRegister)
			e.u64(1)
			e.u32(uint32(third.local(aor)))
			e.update(&op.Update)
			e.send(third.id, start)
		},
	} {
		ask(&owners[0].effects)
		b.collect(owners[0])
		b.carryOne()
		if len(b.mail) != 1 || b.mail[0].to != owners[0].id {
			t.Fatalf("%s: %d messages", name, len(b.mail))
		}
		r := reader{b: b.mail[0].b[2:]}
		r.u64()
		refused := map[kind]func() bool{
			kindFound:      func() bool { return r.u8() == 0 },
			kindRegistered: func() bool { return r.u16() == 0 },
		}[b.mail[0].kind()]
		if refused == nil || !refused() {
			t.Errorf("%s: not refused", name)
		}
		b.mail = nil
	}
	if third.has(b, aor) {
		t.Error("stored what it refused")
	}
}

// A version is above those that were ordered before, whoever ordered them: clocks follow the fastest.
func TestClocksFollowTheFastest(t *testing.T) {
	b := newBench(t, 2, 3)
	b.nodes[1].core.ahead = 60_000
	b.settle()
	for id, n := range b.nodes {
		if n.core.clock() < uint64(b.now+60_000) {
			t.Errorf("m%d does not learn from an announcement", id)
		}
	}
	home, replica := b.nodes[b.owners(aor)[0]], b.nodes[b.owners(aor)[1]]
	home.core.ahead = 120_000
	b.mustRegister(home, newRegister(aor, 1, 3600))
	if replica.core.clock() < uint64(b.now+120_000) {
		t.Error("a holder does not learn from an update")
	}
}

func TestRetransmissionWaitsForItsHolders(t *testing.T) {
	b, owners := settled(t, 2, 3)
	b.register(owners[0], newRegister(aor, 1, 3600))
	b.wantAnswers(owners[0], 0, 0)
	b.carry()
	b.wantAnswers(owners[0], 1, location.StatusOK)
}

// An op that another member orders in the end has no more time for that.
func TestTimeoutCountsFromTheStart(t *testing.T) {
	b := newBench(t, 3, 3)
	b.settle()
	owners := b.owners(aor)
	n := b.nodes[owners[1]]
	b.register(n, newRegister(aor, 1, 3600))
	b.mail = nil
	half := n.core.cfg.Timeout / 2
	for end := b.now + half; b.now < end; {
		b.tick(n)
	}
	b.view(n, n.membership.PeerDown(b.now, owners[0], "cut"))
	if b.sent(kindReplicate, n.id, owners[2]) == 0 {
		t.Fatal("not ordered here after its home is gone")
	}
	b.mail = nil
	for end := b.now + half; b.now < end; {
		b.tick(n)
	}
	b.wantAnswers(n, 1, 503)
}
