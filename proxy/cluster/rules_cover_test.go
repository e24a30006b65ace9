package cluster

import (
	"slices"
	"testing"

	"github.com/sipring/sipring/proxy/location"
)

// more is a cluster at rest in which a member that owns the AOR no more has more of it than the owners, as after a cut.
func more(t *testing.T) (b *bench, leaver, owner *node) {
	b = newBench(t, 2, 3)
	b.settle()
	leaver, owner = b.other(aor), b.nodes[b.owners(aor)[0]]
	leaver.core.partitions.become(leaver.local(aor), leaving)
	leaver.write(b, 1)
	return b, leaver, owner
}

// write has the member alone have an update.
func (n *node) write(b *bench, cseq uint32) {
	u := newRegister(aor, cseq, 3600).Update
	hash, _ := n.membership.View().Place([]byte(aor))
	n.core.store.Apply(b.now, int(n.local(aor)), hash, &u, location.Limits{}, uint64(b.now)+uint64(cseq), n.id)
}

// compares picks the answers to checksums: without them nobody knows that another has the same.
func compares(m mail) bool { return m.kind() == kindDigest && m.b[2]&digestReply != 0 }

// carryLosing has time pass, while the messages that lost picks do not arrive.
func (b *bench) carryLosing(ticks int, lost func(mail) bool) {
	for range ticks {
		for id := uint32(1); id <= 9; id++ {
			if n := b.nodes[id]; n != nil {
				n.core.Tick(b.now, &n.effects)
				b.collect(n)
			}
		}
		b.carryBut(lost)
		b.now += 20
	}
}

// D: what the owners have fetched is there when they say so, and not before.
func TestLeavesAfterTheOwnersHaveFetched(t *testing.T) {
	b, leaver, owner := more(t)
	b.carryLosing(50, func(m mail) bool { return compares(m) || m.kind() == kindFetched })
	if !owner.has(b, aor) || leaver.holding(aor) != leaving {
		t.Fatalf("is %v before the owners have said that they have it", leaver.holding(aor))
	}
	b.again(leaver.id, owner.id) // what it said and was lost is not said again, but what differs is fetched again
	leaver.write(b, 2)
	b.carryLosing(50, compares)
	if leaver.holding(aor) != none {
		t.Fatalf("is %v after they have", leaver.holding(aor))
	}
	b.mustFind(owner, aor, Found, 2)
}

// fetching is a member that leaves, the owners that fetch from it, and what they say by hand.
type fetching struct {
	*bench
	leaver, owner, second *node
}

const pullTag = 1 << 20 // none that a core draws here

// pull has the owner ask for the records from the cursor on. What answers it is lost.
func (f *fetching) pull(tag, cursor uint32) {
	start := f.owner.core.begin(&f.owner.effects, kindPull)
	f.owner.effects.u16(1)
	f.owner.effects.u32(uint32(f.leaver.local(aor)))
	f.owner.effects.u32(tag)
	f.owner.effects.u32(cursor)
	f.owner.effects.send(f.leaver.id, start)
	f.say(f.owner)
}

// confirm has a member say that all is there that it fetched.
func (f *fetching) confirm(n *node, tag uint32) {
	n.core.snapshots.confirm(f.leaver.id, []pull{{local: n.local(aor), tag: tag}}, &n.effects)
	f.say(n)
}

// say delivers what the member has to say, and nothing that comes of it.
func (f *fetching) say(n *node) {
	f.mail = nil
	f.collect(n)
	for n := len(f.mail); n > 0; n-- {
		f.carryOne()
	}
	f.mail = nil
}

// write has an update arrive at the leaver that was sent to others too.
func (f *fetching) write(from *node, cseq uint32, sentTo ...uint32) {
	from.write(f.bench, cseq)
	start := from.core.operations.orders.beginReplicate(&from.effects, 0, from.local(aor), sentTo)
	from.effects.record(from.core.Peek([]byte(aor)), f.now)
	from.effects.send(f.leaver.id, start)
	f.say(from)
}

// status has the owner announce what it has of the partition.
func (f *fetching) status(h holding) {
	f.owner.core.announcements.last++
	start := f.owner.core.announcer.begin(&f.owner.effects, 0, 1)
	f.owner.effects.u32(uint32(f.owner.local(aor)))
	f.owner.effects.u8(uint8(h))
	f.owner.effects.send(f.leaver.id, start)
	f.say(f.owner)
}

// D: the word of a member that it has fetched all is about one fetch, which it began in this life of both and at the first
// record, and since when nothing was written that passed it by.
func TestWhatAFetchCovers(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(*fetching)
		want bool
	}{
		"a fetch":            {func(f *fetching) { f.pull(pullTag, 0) }, true},
		"no fetch":           {func(*fetching) {}, false},
		"a fetch begun anew": {func(f *fetching) { f.pull(pullTag-1, 0); f.pull(pullTag, 0) }, true},
		"the fetch before":   {func(f *fetching) { f.pull(pullTag, 0); f.pull(pullTag+1, 0) }, false},
		"said twice":         {func(f *fetching) { f.pull(pullTag, 0); f.confirm(f.owner, pullTag) }, true},
		"not from the start": {func(f *fetching) { f.pull(pullTag, 1) }, false},
		"said by another":    {func(f *fetching) { f.pull(pullTag, 0); f.owner = f.second }, false},
		"an update that was sent to it": {func(f *fetching) {
			f.pull(pullTag, 0)
			f.write(f.second, 2, f.owner.id)
		}, true},
		"its own update": {func(f *fetching) { f.pull(pullTag, 0); f.write(f.owner, 2) }, true},
		"an update that passed it by": {func(f *fetching) {
			f.pull(pullTag, 0)
			f.write(f.second, 2)
		}, false},
		"what the leaver knew already": {func(f *fetching) {
			f.write(f.second, 2)
			f.pull(pullTag, 0)
			f.now += 50 // what is left of it has been on its way for longer
			f.write(f.second, 0)
		}, true},
		"dropped since": {func(f *fetching) {
			f.pull(pullTag, 0)
			f.confirm(f.owner, pullTag)
			f.status(none)
			f.status(filling)
			f.status(held)
			f.owner = f.second // who has said nothing
		}, false},
		"dropped meanwhile": {func(f *fetching) { f.pull(pullTag, 0); f.status(none); f.status(held) }, false},
		"another life": {func(f *fetching) {
			f.pull(pullTag, 0)
			id := f.owner.id
			f.owner = f.restart(id)
			f.mail = nil
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b, leaver, owner := more(t)
			f := &fetching{b, leaver, owner, b.nodes[b.owners(aor)[1]]}
			fetches := owner.id
			tt.do(f)
			f.confirm(f.owner, pullTag)
			if got := slices.Contains(leaver.core.partitions.parts[leaver.local(aor)].coverage.covered, fetches); got != tt.want {
				t.Errorf("counts as there: %v, want %v", got, tt.want)
			}
		})
	}
}

// D: who could not read something of a fetch does not say that it has all.
func TestNothingIsConfirmedThatCouldNotBeRead(t *testing.T) {
	b, leaver, owner := more(t)
	spoilt := func(m mail) bool {
		if m.kind() == kindSnapshot && m.from == leaver.id && len(m.b) > 40 {
			m.b[len(m.b)-1] ^= 0x80 // of the record's last string: it is still one
			le.PutUint16(m.b[2+17+4:], 0xffff)
		}
		return compares(m)
	}
	b.carryLosing(50, spoilt)
	if owner.core.stats.RefusedRecords == 0 {
		t.Fatal("all could be read")
	}
	if leaver.holding(aor) != leaving {
		t.Errorf("is %v though the owners have not got it", leaver.holding(aor))
	}
}

// A copy at a member that leaves does not count where it relies on one that was given up before it had the update.
func TestCopyOfALeaverThatReliesOnTheLost(t *testing.T) {
	b, owners := settled(t, 2, 3)
	home, leaver, third := owners[0], owners[1], b.other(aor)
	b.view(leaver, leaver.membership.Drain(b.now)) // the home is not told yet
	b.view(third, third.membership.PeerState(b.now, leaver.id, leaver.membership.incarnation, true, true))
	b.carryWhere(but())
	op := newRegister(aor, 2, 3600)
	b.register(home, op)
	b.carryWhere(func(m mail) bool { return m.to == leaver.id && m.kind() == kindReplicate })
	b.mail = slices.DeleteFunc(b.mail, func(m mail) bool { return m.to == third.id })
	b.view(home, home.membership.PeerDown(b.now, third.id, "cut"))
	for range 20 {
		b.tick(leaver)
		b.carryWhere(func(m mail) bool { return m.from != third.id || m.to != home.id })
	}
	if got := leaver.holding(aor); got != none {
		t.Fatalf("the leaver is %v", got)
	}
	b.wantAnswers(home, 0, 0)
	b.view(home, home.membership.PeerState(b.now, leaver.id, leaver.membership.incarnation, true, true))
	b.carryWhere(but())
	b.wantAnswers(home, 1, 200)
}
