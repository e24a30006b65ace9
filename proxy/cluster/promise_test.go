package cluster

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/location"
)

// TestJoiningMayHoldData: whoever publishes is late or away, and a member that restarts in place asks the one that is
// still published as joining before it answers anything.
func TestJoiningMayHoldData(t *testing.T) {
	b := newBench(t, 2, 2)
	b.publish(func(s *config.MemberSet) { s.Members[1].State = config.Joining })
	b.settle()
	b.mustRegister(b.nodes[1], newRegister(aor, 5, 3600))
	b.pass(1000)
	fresh := b.add(1)
	b.lookup(fresh, aor)
	older := newRegister(aor, 4, 3600)
	b.register(fresh, older)
	b.carry()
	if synced, _ := fresh.membership.SelfState(); synced || len(fresh.found)+len(fresh.registered) > 0 {
		t.Fatalf("synced %v, %d lookups and %d REGISTERs answered before it met anybody", synced, len(fresh.found), len(fresh.registered))
	}
	b.stream(2, 1)
	b.stream(1, 2)
	b.carry()
	b.pass(100)
	b.wantFound(fresh, Found, 5)
	if older.Status != location.StatusServerError {
		t.Errorf("a REGISTER of CSeq 4 after that of CSeq 5 is answered %d", older.Status)
	}
}

// TestCutOffStart: a process that reaches nobody while others are published as active concludes nothing from that.
func TestCutOffStart(t *testing.T) {
	tests := map[string]struct {
		change func(*bench) // what happens then
		synced bool
	}{
		"nobody comes":      {func(*bench) {}, false},
		"published as gone": {func(b *bench) { b.publish(func(s *config.MemberSet) { s.Members = s.Members[:1] }) }, true},
		"published as unready": {func(b *bench) {
			b.publish(func(s *config.MemberSet) { s.Members[1].State, s.Members[2].State = config.Joining, config.Joining })
		}, true},
		"one is met": {func(b *bench) {
			b.add(2)
			b.stream(1, 2)
			b.stream(2, 1)
		}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 2, 3)
			b.die(2)
			b.die(3)
			n := b.nodes[1]
			b.pass(2 * DefaultUnknownWait)
			op := newRegister(aor, 1, 60)
			b.register(n, op)
			b.lookup(n, aor)
			b.pass(3100)
			if op.Status != location.StatusUnavailable || len(n.found) != 1 || n.found[0].Result != Unavailable {
				t.Errorf("cut off: REGISTER answered %d, lookups %+v", op.Status, n.found)
			}
			tt.change(b)
			b.carry()
			b.pass(2 * DefaultUnknownWait)
			if synced, _ := n.membership.SelfState(); synced != tt.synced {
				t.Errorf("synced %v, want %v", synced, tt.synced)
			}
		})
	}
}

// TestLeaverWaits until as many of the published members that stay hold what it holds as are to hold it.
func TestLeaverWaits(t *testing.T) {
	drained := func(b *bench, id uint32) bool {
		b.carry()
		b.pass(1000)
		return b.nodes[id].membership.Drained()
	}
	tests := map[string]struct {
		replicas, members int
		before            func(*bench) // the leaver is told to go
		now               bool         // it may at once
		after             func(*bench)
	}{
		"the other is down, and comes back": {
			replicas: 2, members: 2,
			before: func(b *bench) { b.die(2); b.lose(2) },
			after:  func(b *bench) { b.add(2); b.meet() },
		},
		"the other is down, and published as gone": {
			replicas: 2, members: 2,
			before: func(b *bench) { b.die(2); b.lose(2) },
			after:  func(b *bench) { b.publish(func(s *config.MemberSet) { s.Members = s.Members[:1] }) },
		},
		"R=3 and one of two others restarts": {
			replicas: 3, members: 3,
			before: func(b *bench) { b.die(2); b.lose(2) },
			after:  func(b *bench) { b.add(2); b.meet() },
		},
		"R=2 and one of two others is down": {
			replicas: 2, members: 3,
			before: func(b *bench) { b.die(2); b.lose(2) },
			after:  func(b *bench) { b.add(2); b.meet() },
		},
		"the other leaves too": {replicas: 2, members: 2, now: true, before: func(b *bench) {
			b.view(b.nodes[1], b.nodes[1].membership.PeerState(b.now, 2, b.nodes[2].membership.incarnation, true, true))
		}},
		"the other left and died": {replicas: 2, members: 2, now: true, before: func(b *bench) {
			b.view(b.nodes[1], b.nodes[1].membership.PeerState(b.now, 2, b.nodes[2].membership.incarnation, true, true))
			b.die(2)
			b.lose(2)
		}},
		"everybody is published as draining": {replicas: 2, members: 2, now: true, before: func(b *bench) {
			b.publish(func(s *config.MemberSet) { s.Members[0].State, s.Members[1].State = config.Draining, config.Draining })
		}},
		"nobody is missing":   {replicas: 2, members: 3, now: true, before: func(*bench) {}},
		"it was the only one": {replicas: 2, members: 1, now: true, before: func(*bench) {}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, tt.replicas, tt.members)
			b.settle()
			for i := range 40 {
				b.mustRegister(b.nodes[1], newRegister(fmt.Sprintf("sip:%d@example.com", i), 1, 3600))
			}
			tt.before(b)
			b.drain(1)
			if got := drained(b, 1); got != tt.now {
				t.Fatalf("drained %v at once, want %v", got, tt.now)
			}
			if tt.after == nil {
				return
			}
			tt.after(b)
			if !drained(b, 1) {
				t.Error("not drained in the end")
			}
		})
	}
}

// TestOwnersToComeHoldBeforeADrop: a copy stays until those who own the partition and those who will both hold it.
func TestOwnersToComeHoldBeforeADrop(t *testing.T) {
	b := newBench(t, 2, 4)
	b.publish(func(s *config.MemberSet) { s.Members = s.Members[:2] })
	b.settle()
	b.publish(func(s *config.MemberSet) { s.Members = testSet(0, 2, 4, config.Active).Members })
	b.meet()
	slow := true // member 4 gets nothing that it asks for
	lost := func(m mail) bool { return slow && m.to == 4 && kind(m.b[0]&0x0f) == kindSnapshot }
	for range 20 {
		b.carryBut(lost)
		b.now += 20
		for id := uint32(1); id <= 4; id++ {
			b.nodes[id].core.Tick(b.now, &b.nodes[id].effects)
			b.collect(b.nodes[id])
		}
	}
	checked := 0
	for p := range 16 {
		for id := uint32(1); id <= 2; id++ {
			n := b.nodes[id]
			v := n.membership.View()
			if v.Ring.IsOwner(p, id) || v.Next.IsOwner(p, id) || !v.Next.IsOwner(p, 4) {
				continue
			}
			checked++
			if n.core.partitions.parts[p].holding != leaving {
				t.Errorf("m%d dropped partition %d, which m4 is to own and does not hold", id, p)
			}
		}
	}
	if checked == 0 {
		t.Fatal("no partition moved")
	}
}

// TestFalseSuspicion: a member takes two others for dead, which live and notice nothing. They go on, and doubt only what
// it may have acknowledged without them.
func TestFalseSuspicion(t *testing.T) {
	b := newBench(t, 2, 3)
	b.settle()
	one := b.nodes[1]
	var theirs, shared string // of 2 and 3; of 1 and another
	for i := 0; theirs == "" || shared == ""; i++ {
		name := fmt.Sprintf("sip:%d@example.com", i)
		switch owners := b.owners(name); {
		case !slices.Contains(owners, 1):
			theirs = name
		case owners[0] == 1:
			shared = name
		}
	}
	b.mustRegister(one, newRegister(theirs, 1, 3600))
	b.mustRegister(one, newRegister(shared, 1, 3600))
	other := b.nodes[b.owners(shared)[1]]
	filled := map[uint32]uint64{2: b.nodes[2].core.Stats().Filled, 3: b.nodes[3].core.Stats().Filled}
	b.view(one, one.membership.PeerDown(b.now, 2, "glitch"))
	b.view(one, one.membership.PeerDown(b.now, 3, "glitch"))
	b.mail = nil
	b.mustRegister(one, newRegister(shared, 2, 3600)) // with one copy: nobody else is there for it
	b.lookup(one, theirs)
	b.pass(200)
	if len(one.found) > 0 {
		t.Errorf("it answers %d for what it never held", one.found[0].Result)
	}
	for _, id := range []uint32{2, 3} {
		n := b.nodes[id]
		b.stream(1, id)
		b.stream(id, 1)
		b.view(n, n.membership.PeerMissed(b.now, 1, one.membership.incarnation, one.membership.Missed(id)))
	}
	b.carry() // a round trip
	for _, id := range []uint32{2, 3} {
		b.mustFind(b.nodes[id], theirs, Found, 1)
	}
	b.pass(100)
	b.mustFind(other, shared, Found, 2)
	for id, before := range filled {
		want := uint64(0)
		if id == other.id {
			want = 1
		}
		if got := b.nodes[id].core.Stats().Filled - before; got != want {
			t.Errorf("m%d fetched %d partitions anew, want %d", id, got, want)
		}
	}
}

// TestMissedIsToldUntilConfirmed: a stream that breaks before the word has arrived loses nothing of it.
func TestMissedIsToldUntilConfirmed(t *testing.T) {
	b := newBench(t, 2, 2)
	b.settle()
	one, two := b.nodes[1], b.nodes[2]
	b.mustRegister(one, newRegister(aor, 1, 3600))
	b.view(one, one.membership.PeerDown(b.now, 2, "glitch"))
	b.mail = nil
	b.mustRegister(one, newRegister(aor, 2, 3600))
	for range 2 { // twice the stream breaks at once
		b.stream(1, 2)
		b.stream(2, 1)
		b.mail = nil
	}
	b.stream(1, 2)
	b.stream(2, 1)
	b.carry()
	b.pass(100)
	b.mustFind(two, aor, Found, 2)
	filled := two.core.Stats().Filled
	b.stream(1, 2)
	b.stream(2, 1)
	b.carry()
	b.pass(100)
	if got := two.core.Stats().Filled; got != filled {
		t.Errorf("%d partitions fetched again after a word that was confirmed", got-filled)
	}
}

// TestConfirmationOfWhatWasDropped: a copy counts while its holder has the partition, and not after.
func TestConfirmationOfWhatWasDropped(t *testing.T) {
	b := newBench(t, 2, 3)
	b.settle()
	owners := b.owners(aor)
	home := b.nodes[owners[0]]
	op := newRegister(aor, 1, 3600)
	b.register(home, op)
	o := &home.core.operations.ops.slots[0]
	b.mail = nil
	o.copies = []copyState{{id: b.other(aor).id, stored: true}} // it held the partition, confirmed and dropped it
	home.core.operations.orders.tryComplete(o, &home.effects)
	b.collect(home)
	if len(home.registered) > 0 {
		t.Fatal("answered 200 with the copy of a member that holds nothing")
	}
	home.core.operations.look(o, 0, &home.effects)
	b.collect(home)
	b.carry()
	if op.Status != location.StatusOK {
		t.Errorf("answered %d in the end", op.Status)
	}
}

// TestDroppedCopyIsSentAgain where the member that dropped the partition is to hold it.
func TestDroppedCopyIsSentAgain(t *testing.T) {
	b := newBench(t, 3, 3)
	b.settle()
	owners := b.owners(aor)
	home, replica := b.nodes[owners[0]], b.nodes[owners[1]]
	op := newRegister(aor, 1, 3600)
	b.register(home, op)
	slices.SortStableFunc(b.mail, func(x, y mail) int { return int(x.to) - int(y.to) })
	if b.mail[0].to != replica.id {
		slices.Reverse(b.mail)
	}
	late := b.mail[1]
	b.mail = b.mail[:1]
	b.carry() // the replica has confirmed
	p := home.membership.View().Partition([]byte(aor))
	replica.core.partitions.becomeNone(int32(p)) // under a view that home has not seen
	replica.core.finish(&replica.effects)
	b.collect(replica)
	b.carry()
	b.mail = append(b.mail, late)
	b.carry()
	if op.Status != location.StatusOK || replica.core.Peek([]byte(aor)).LiveCount(b.now) != 1 {
		t.Errorf("status %d, %d bindings at the replica", op.Status, replica.core.Peek([]byte(aor)).LiveCount(b.now))
	}
}

// TestOlderUpdateWithAFasterClock: two members order updates of one phone at the same time, and the clock of the one that
// has the older update is twenty minutes ahead. The newer update wins.
func TestOlderUpdateWithAFasterClock(t *testing.T) {
	b := newBench(t, 2, 3)
	b.settle()
	owners := b.owners(aor)
	slow, fast := b.nodes[owners[0]], b.nodes[owners[1]]
	fast.skew = 20 * 60 * 1000
	fast.core.Tick(b.now+fast.skew, &fast.effects) // its stall ends with the next word of each
	b.pass(100)
	b.view(fast, fast.membership.PeerDown(b.now, slow.id, "blip"))
	older, newer := newRegister(aor, 1, 3600), newRegister(aor, 2, 60)
	b.register(fast, older)
	b.register(slow, newer)
	b.mail = slices.DeleteFunc(b.mail, func(m mail) bool { return m.from == fast.id && m.to != slow.id })
	b.stream(fast.id, slow.id)
	b.stream(slow.id, fast.id)
	b.carry()
	b.pass(100)
	if newer.Status != location.StatusOK {
		t.Fatalf("the newer update is answered %d", newer.Status)
	}
	for id := uint32(1); id <= 3; id++ {
		b.mustFind(b.nodes[id], aor, Found, 2)
	}
}

// TestDifferencesAreNotDropped: as many partitions as there are may differ, and are repaired one after the other.
func TestDifferencesAreNotDropped(t *testing.T) {
	const partitions = 1024
	b := newBench(t, 2, 2)
	for id := range b.nodes {
		n := &node{id: id, membership: NewMembership(id, uint64(id), 0)}
		n.core = NewCore(CoreConfig{Self: id, Incarnation: uint64(id), Cores: 1, SweepPeriod: 3600_000})
		b.nodes[id] = n
	}
	b.publish(func(s *config.MemberSet) { s.Ring.Partitions = partitions })
	b.settle()
	one, two := b.nodes[1], b.nodes[2]
	for i, left := 0, partitions; left > 0; i++ {
		name := fmt.Appendf(nil, "sip:%d@example.com", i)
		hash, p := one.membership.View().Place(name)
		if one.core.store.PartitionStats(p).Records == 0 {
			left--
			u := newRegister(string(name), 1, 3600).Update
			one.core.store.Apply(b.now, p, hash, &u, location.Limits{}, uint64(b.now), 1)
		}
	}
	for p := range int32(partitions) {
		two.core.repairer.add(p, 1)
	}
	two.core.Tick(b.now, &two.effects)
	b.collect(two)
	b.carry()
	if got := two.core.Stats().Records; got != partitions {
		t.Errorf("%d of %d differences repaired", got, partitions)
	}
}

// TestNothingIsAcknowledgedInDoubt: a member that has just heard that it was taken for dead does not know who serves the
// partition by now. What it ordered waits until all have confirmed.
func TestNothingIsAcknowledgedInDoubt(t *testing.T) {
	b := newBench(t, 2, 3)
	b.settle()
	home := b.nodes[b.owners(aor)[0]]
	op := newRegister(aor, 1, 3600)
	b.register(home, op)
	home.core.announcements.askAll()
	home.core.Tick(b.now, &home.effects)
	b.collect(home)
	var words []mail
	b.carryBut(func(m mail) bool {
		if m.to == home.id && kind(m.b[0]&0x0f) == kindNoted {
			words = append(words, m)
			return true
		}
		return false
	})
	if len(home.registered) > 0 {
		t.Fatal("answered before the others have confirmed that they count the member in")
	}
	b.mail = words
	b.carry()
	if op.Status != location.StatusOK {
		t.Errorf("answered %d in the end", op.Status)
	}
}

// TestWhatIsSentIsNotThereYet: a member that leaves has more than the owners, as after a cut, and keeps it while what it
// sent of it may be lost with the stream.
func TestWhatIsSentIsNotThereYet(t *testing.T) {
	b := newBench(t, 2, 3)
	b.settle()
	leaver := b.other(aor)
	owners := b.owners(aor)
	hash, partition := leaver.membership.View().Place([]byte(aor))
	p := int32(partition)
	leaver.core.partitions.become(p, leaving)
	u := newRegister(aor, 1, 3600).Update
	leaver.core.store.Apply(b.now, int(p), hash, &u, location.Limits{}, uint64(b.now), leaver.id)
	sent := 0
	lost := func(m mail) bool {
		snapshot := m.from == leaver.id && kind(m.b[0]&0x0f) == kindSnapshot
		if snapshot {
			sent++
		}
		return snapshot
	}
	for range 50 {
		b.now += 20
		for id := uint32(1); id <= 3; id++ {
			b.nodes[id].core.Tick(b.now, &b.nodes[id].effects)
			b.collect(b.nodes[id])
		}
		b.carryBut(lost)
	}
	if sent == 0 {
		t.Fatal("nobody has fetched it")
	}
	if leaver.core.partitions.parts[p].holding != leaving || leaver.core.Peek([]byte(aor)).IsZero() {
		t.Fatalf("m%d dropped what m%d and m%d have not got", leaver.id, owners[0], owners[1])
	}
	for _, id := range owners { // new streams
		b.stream(leaver.id, id)
		b.stream(id, leaver.id)
	}
	b.carry()
	b.pass(1000)
	for _, id := range owners {
		b.mustFind(b.nodes[id], aor, Found, 1)
	}
	if leaver.core.partitions.parts[p].holding != none {
		t.Error("not dropped in the end")
	}
}

// TestLateCopyAfterACut: what a phone sent to one side of a cut may be late when the sides meet, and what won knows nothing
// of it.
func TestLateCopyAfterACut(t *testing.T) {
	for name, met := range map[string]bool{"cut off": false, "met, and not compared yet": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 2, 2)
			b.settle()
			one, two := b.nodes[1], b.nodes[2]
			b.view(one, one.membership.PeerDown(b.now, 2, "cut"))
			b.view(two, two.membership.PeerDown(b.now, 1, "cut"))
			for cseq := range uint32(20) {
				b.mustRegister(one, newRegister(aor, cseq+1, 3600))
			}
			b.now += 500
			if met {
				b.stream(1, 2)
				b.stream(2, 1)
			}
			last := newRegister(aor, 21, 0)
			hash, _ := two.membership.View().Place([]byte(aor))
			two.core.at(b.now)
			two.core.operations.orders.order(order{update: &last.Update, hash: hash, local: two.local(aor), started: b.now, register: last}, &two.effects)
			b.collect(two)
			if !met {
				b.stream(1, 2)
				b.stream(2, 1)
			}
			b.carry()
			b.pass(1000)
			b.wantAnswers(two, 1, 200)
			b.mustFind(one, aor, NotFound, 0)
			for cseq := range uint32(20) {
				b.register(two, newRegister(aor, cseq+1, 3600))
				b.carry()
			}
			b.mustFind(one, aor, NotFound, 0)
		})
	}
}
