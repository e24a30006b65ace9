package cluster

import (
	"bytes"
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/location"
)

const aor = "sip:alice@example.com"

func TestAloneAtOnce(t *testing.T) {
	b := newBench(t, 2, 1)
	n := b.nodes[1]
	if synced, _ := n.membership.SelfState(); !synced {
		t.Fatal("a cluster of one has nothing to fetch and is not synced")
	}
	b.mustFind(n, aor, NotFound, 0)
	b.mustRegister(n, newRegister(aor, 1, 60))
	b.mustFind(n, aor, Found, 1)
	b.now += 60_000
	b.mustFind(n, aor, NotFound, 0)
}

func TestAnswerWaitsForTheReplica(t *testing.T) {
	b := newBench(t, 2, 3)
	b.settle()
	home := b.nodes[b.owners(aor)[0]]
	op := newRegister(aor, 1, 60)
	b.register(home, op)
	if len(home.registered) != 0 || len(b.mail) != 1 || b.mail[0].to != b.owners(aor)[1] {
		t.Fatalf("answered %d, %d messages", len(home.registered), len(b.mail))
	}
	b.carry()
	if len(home.registered) != 1 || op.Status != 200 || op.Record.LiveCount(op.Now) != 1 {
		t.Fatalf("answered %d, status %d", len(home.registered), op.Status)
	}
	for id := uint32(1); id <= 3; id++ {
		b.mustFind(b.nodes[id], aor, Found, 1)
	}
}

func TestRetransmissionIsReplicatedAgain(t *testing.T) {
	b := newBench(t, 2, 3)
	b.settle()
	home, replica := b.nodes[b.owners(aor)[0]], b.nodes[b.owners(aor)[1]]
	b.register(home, newRegister(aor, 1, 60))
	b.mail = nil // lost with the stream
	again := newRegister(aor, 1, 60)
	b.register(home, again)
	if len(home.registered) != 0 {
		t.Fatal("a retransmission is answered though nobody else has what it repeats")
	}
	b.carry()
	if again.Status != 200 || replica.core.Peek([]byte(aor)).LiveCount(b.now) != 1 {
		t.Fatalf("status %d, replica has %d", again.Status, replica.core.Peek([]byte(aor)).LiveCount(b.now))
	}
}

func TestHomeDies(t *testing.T) {
	b := newBench(t, 2, 3)
	b.settle()
	edge := b.other(aor)
	b.mustRegister(edge, newRegister(aor, 1, 60))
	home := b.owners(aor)[0]
	b.die(home)

	b.lookup(edge, aor)
	b.carry()
	if len(edge.found) != 0 {
		t.Fatal("a dead member answered")
	}
	b.pass(40) // nobody has noticed, and the read goes to the replica
	b.wantFound(edge, Found, 1)

	b.register(edge, newRegister(aor, 2, 60))
	b.lose(home)
	b.carry()
	if len(edge.registered) != 2 || edge.registered[1].Status != 200 {
		t.Fatal("the update under way did not move on to the next owner")
	}
	b.settle()
	b.mustFind(edge, aor, Found, 2)
}

// A member that begins anew under the same ID, before anyone noticed that it was gone, never denies what it had.
func TestRestartInPlace(t *testing.T) {
	for owner := range 2 {
		b := newBench(t, 2, 3)
		b.settle()
		edge := b.other(aor)
		b.mustRegister(edge, newRegister(aor, 1, 60))
		id := b.owners(aor)[owner]
		b.now += 300
		fresh := b.add(id)
		b.lookup(fresh, aor)
		for other := uint32(1); other <= 3; other++ {
			if other != id {
				b.stream(other, id)
				b.stream(id, other)
			}
		}
		b.lookup(fresh, aor)
		b.mustFind(edge, aor, Found, 1)
		b.settle()
		for _, op := range fresh.found {
			if op.Result != Found {
				t.Fatalf("owner %d restarted and answered %d", owner, op.Result)
			}
		}
		if len(fresh.found) != 2 || fresh.core.Peek([]byte(aor)).LiveCount(b.now) != 1 {
			t.Fatalf("owner %d: %d answers, holds %d", owner, len(fresh.found), fresh.core.Peek([]byte(aor)).LiveCount(b.now))
		}
	}
}

func TestNoAnswerIsNotNotFound(t *testing.T) {
	b := newBench(t, 2, 3)
	n := b.nodes[1] // knows nobody yet: nothing may be concluded
	b.lookup(n, aor)
	b.register(n, newRegister(aor, 1, 60))
	b.pass(1000)
	if len(n.found)+len(n.registered) != 0 {
		t.Fatal("answered before anything is known")
	}
	b.dropped[2], b.dropped[3] = true, true
	b.stream(1, 2)
	b.stream(1, 3)
	b.pass(3000)
	if len(n.found) != 1 || n.found[0].Result != Unavailable {
		t.Fatalf("lookup: %+v", n.found)
	}
	if len(n.registered) != 1 || n.registered[0].Status != 503 {
		t.Fatalf("register: %+v", n.registered)
	}
}

func TestReplicaSilent(t *testing.T) {
	b := newBench(t, 2, 3)
	b.settle()
	owners := b.owners(aor)
	b.dropped[owners[1]] = true
	home := b.nodes[owners[0]]
	op := newRegister(aor, 1, 60)
	b.register(home, op)
	b.pass(2900)
	if len(home.registered) != 0 {
		t.Fatalf("answered %d with one copy", op.Status)
	}
	b.pass(200)
	if len(home.registered) != 1 || op.Status != 503 {
		t.Fatalf("answers %d, status %d", len(home.registered), op.Status)
	}
}

func TestJoinAndDrain(t *testing.T) {
	b := newBench(t, 2, 2)
	b.settle()
	edge := b.nodes[1]
	names := []string{"sip:a@x", "sip:b@x", "sip:c@x", "sip:d@x", "sip:e@x", "sip:f@x", "sip:g@x", "sip:h@x"}
	for _, name := range names {
		b.mustRegister(edge, newRegister(name, 1, 3600))
	}
	publish := func(states ...config.MemberState) {
		b.set = testSet(b.set.Epoch+1, 2, len(states), config.Active)
		for i, s := range states {
			b.set.Members[i].State = s
		}
		for id := uint32(1); id <= uint32(len(states)); id++ {
			if n := b.nodes[id]; n != nil {
				b.view(n, n.membership.SetChanged(b.now, b.set))
			}
		}
	}
	publish(config.Active, config.Active, config.Joining)
	b.add(3)
	b.settle()
	if synced, _ := b.nodes[3].membership.SelfState(); !synced {
		t.Fatal("a joining member that holds what it will own is not synced")
	}
	publish(config.Active, config.Active, config.Active)
	b.settle()
	publish(config.Draining, config.Active, config.Active)
	b.settle()
	if !b.nodes[1].membership.Drained() || b.nodes[1].core.Stats().Records != 0 {
		t.Fatalf("drained %v, holds %d", b.nodes[1].membership.Drained(), b.nodes[1].core.Stats().Records)
	}
	for _, name := range names {
		b.mustFind(b.nodes[1], name, Found, 1)
		b.mustFind(b.nodes[3], name, Found, 1)
	}
}

// What cannot be drained to anyone does not keep a member from leaving.
func TestDrainTheLast(t *testing.T) {
	b := newBench(t, 2, 1)
	n := b.nodes[1]
	b.mustRegister(n, newRegister(aor, 1, 60))
	b.view(n, n.membership.Drain(b.now))
	if !n.membership.Drained() {
		t.Fatal("waits for others, of whom there are none")
	}
	b.mustFind(n, aor, Found, 1)
}

func TestBigPartitionComesInChunks(t *testing.T) {
	b := newBench(t, 2, 2)
	b.settle()
	n := b.nodes[1]
	const records = 8000
	names := make([]string, records)
	for i := range names {
		names[i] = "sip:user" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + "@example.com"
		b.mustRegister(n, newRegister(names[i], 1, 3600))
	}
	b.now += 1000
	b.die(2)
	b.lose(2)
	b.add(2)
	b.settle()
	if got := b.nodes[2].core.Stats().Records; got != records {
		t.Fatalf("fetched %d records of %d", got, records)
	}
	if b.nodes[1].core.Stats().SnapshotsSentBytes < 16*chunkSize {
		t.Fatal("the partitions are too small to show anything")
	}
}

// One record that cannot be read must not keep all others from a member for ever.
func TestFillPassesOverABadRecord(t *testing.T) {
	b := newBench(t, 2, 2)
	b.settle()
	names := []string{"sip:a@example.com", "sip:b@example.com", "sip:c@example.com", "sip:d@example.com"}
	for _, name := range names {
		b.mustRegister(b.nodes[1], newRegister(name, 1, 3600))
	}
	b.now += 1000
	b.die(2)
	b.lose(2)
	b.add(2)
	b.meet()
	spoilt := false
	for len(b.mail) > 0 {
		if m := b.mail[0]; m.to == 2 && kind(m.b[0]&0x0f) == kindSnapshot {
			if at := bytes.Index(m.b, []byte(names[0])); at > 0 {
				le.PutUint16(m.b[at-2:], 0) // a record of nobody
				spoilt = true
			}
		}
		b.carryOne()
	}
	if !spoilt || b.nodes[2].core.Stats().RefusedRecords == 0 {
		t.Fatal("no record was refused")
	}
	if synced, _ := b.nodes[2].membership.SelfState(); !synced {
		t.Error("the fill has not ended")
	}
	for i, name := range names {
		if got := b.nodes[2].core.Peek([]byte(name)).LiveCount(b.now); got != min(i, 1) {
			t.Errorf("%s: %d bindings, want %d", name, got, min(i, 1))
		}
	}
}

func TestRepair(t *testing.T) {
	b := newBench(t, 2, 2)
	b.settle()
	home := b.nodes[b.owners(aor)[0]]
	b.register(home, newRegister(aor, 1, 3600))
	b.mail = nil // the driver lost a message and did not break the stream
	b.pass(3100)
	replica := b.nodes[b.owners(aor)[1]]
	if replica.core.Peek([]byte(aor)).LiveCount(b.now) != 0 {
		t.Fatal("nothing is missing")
	}
	b.pass(21_000)
	if replica.core.Peek([]byte(aor)).LiveCount(b.now) != 1 {
		t.Fatal("not repaired")
	}
}

func TestTooLarge(t *testing.T) {
	b := newBench(t, 2, 2)
	b.settle()
	n := b.nodes[1]
	op := newRegister(aor, 1, 60)
	op.Update.Contacts[0].URI = make([]byte, 100_000)
	b.register(n, op)
	if len(n.registered) != 1 || op.Status != location.StatusBadRequest || len(b.mail) != 0 {
		t.Fatalf("%d answers, status %d, %d messages", len(n.registered), op.Status, len(b.mail))
	}
	b.mustFind(n, "sip:"+string(make([]byte, 100_000)), NotFound, 0)
}

func TestOpsAreBounded(t *testing.T) {
	b := newBench(t, 2, 3)
	n := b.nodes[1]
	for range maxOps + 5 {
		n.core.Lookup(b.now, &LookupOp{AOR: []byte(aor)}, &n.effects)
	}
	b.collect(n)
	if s := n.core.Stats(); len(n.found) != 5 || s.Pending != maxOps || s.RefusedOps != 5 {
		t.Fatalf("%d refused, %d pending", len(n.found), s.Pending)
	}
}

// An op of one turn is not taken for another in the same slot.
func TestOpNumbers(t *testing.T) {
	var table ops
	table.init(0xffff_ffff_ffff_ffff)
	first := table.add(opLookup, 0, 0, 0)
	id := first.id
	table.remove(first)
	if table.find(id) != nil {
		t.Error("found after it was removed")
	}
	if second := table.add(opLookup, 0, 0, 0); second.id == id || table.find(id) != nil || table.find(second.id) != second {
		t.Error("numbers are used again")
	}
}
