package cluster

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/location"
)

// through is a UDP flow by way of a member.
func (b *bench) through(id uint32) flow.Flow {
	f := flow.OverUDP(netip.MustParseAddrPort("198.51.100.7:5062"))
	f.Owner, f.Life = id, Life(b.nodes[id].membership.incarnation)
	return f
}

// behindNAT is a cluster of three in which so many have registered by way of each member, and
// with no owner.
func behindNAT(t *testing.T, each int) *bench {
	b := newBench(t, 2, 3)
	b.settle()
	for owner := range uint32(4) {
		for i := range each {
			op := newRegister(phoneOf(owner, i), 1, 3600)
			if op.Update.Flow = flow.OverUDP(netip.MustParseAddrPort("198.51.100.7:5062")); owner != 0 {
				op.Update.Flow = b.through(owner)
			}
			b.mustRegister(b.nodes[1+uint32(i)%3], op)
		}
	}
	b.told()
	return b
}

func phoneOf(owner uint32, i int) string { return fmt.Sprintf("sip:%d-%d@example.com", owner, i) }

// told is what members were told to be away since it was asked last, by all of them.
func (b *bench) told() (list []string) {
	for _, n := range b.nodes {
		list = append(list, n.away...)
		n.away = nil
	}
	slices.Sort(list)
	return list
}

func allOf(owner uint32, each int) (list []string) {
	for i := range each {
		list = append(list, fmt.Sprintf("%s %d", phoneOf(owner, i), owner))
	}
	slices.Sort(list)
	return list
}

// When a member has gone, or is about to go, the homes tell of each flow that it owns, once, and
// once more in each sweep period until somebody has claimed it.
func TestLookoutFindsTheFlowsOfAMemberThatIsGone(t *testing.T) {
	const each = 300
	for name, goes := range map[string]func(*bench){
		"dies":            func(b *bench) { b.die(3); b.lose(3) },
		"is to leave":     func(b *bench) { b.drain(3) },
		"is published so": func(b *bench) { b.publish(func(s *config.MemberSet) { s.Members[2].State = config.Draining }) },
		"has begun anew": func(b *bench) {
			b.die(3)
			b.lose(3)
			b.told()
			b.now += 100
			b.add(3)
			b.meet()
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := behindNAT(t, each)
			b.pass(3000)
			if d := b.told(); len(d) > 0 {
				t.Fatalf("while all live: %v", d)
			}
			gone := b.through(3)
			goes(b)
			b.carry()
			b.pass(1000)
			if d := cmp.Diff(allOf(3, each), slices.Compact(b.told())); d != "" {
				t.Fatalf("want (-), got (+):\n%s", d)
			}
			b.pass(2000)
			b.told()
			for i := range each - 1 {
				op := &RegisterOp{Update: location.Update{AOR: []byte(phoneOf(3, i)), Claim: true, Flow: b.through(2)}}
				op.Update.From = location.Owner{ID: gone.Owner, Life: gone.Life}
				b.mustRegister(b.nodes[1+uint32(i)%2], op)
			}
			b.pass(25_000)
			if d := slices.Compact(b.told()); len(d) != 1 || d[0] != fmt.Sprintf("%s 3", phoneOf(3, each-1)) {
				t.Errorf("after all but one were claimed: %v", d)
			}
		})
	}
}

// find is the record of an address-of-record that this core holds.
func (c *Core) find(aor string) location.Record {
	_, local, _ := c.partitions.place([]byte(aor))
	return c.store.Get(int(local), []byte(aor))
}

// A claim is acknowledged when as many hold it as a REGISTER, and changes the owner alone.
func TestClaimIsReplicated(t *testing.T) {
	b := newBench(t, 3, 3)
	b.settle()
	op := newRegister(aor, 7, 3600)
	op.Update.Flow = b.through(3)
	b.mustRegister(b.nodes[1], op)
	for id := uint32(1); id <= 3; id++ {
		from := location.Owner{ID: b.through(id%3 + 1).Owner, Life: b.through(id%3 + 1).Life}
		for x := range b.nodes[1].core.find(aor).Live(b.now) {
			from = location.Owner{ID: x.Flow.Owner, Life: x.Flow.Life}
		}
		claim := &RegisterOp{Update: location.Update{AOR: []byte(aor), Claim: true, Flow: b.through(id), From: from}}
		b.register(b.nodes[id], claim)
		if n := len(b.nodes[id].registered); n > 0 && b.nodes[id].registered[n-1] == claim && from.ID != id {
			t.Errorf("m%d: acknowledged before anybody else holds it", id)
		}
		b.carry()
		for other, n := range b.nodes {
			for x := range n.core.find(aor).Live(b.now) {
				if x.Flow.Owner != id || x.CSeq != 7 || string(x.CallID) != "call" || x.ExpiresIn(b.now) != 3600 {
					t.Errorf("m%d claimed, m%d has owner %d, CSeq %d, expires %d", id, other, x.Flow.Owner, x.CSeq, x.ExpiresIn(b.now))
				}
			}
		}
	}
}

// Many flows are told of in parts.
func TestLookoutIsBounded(t *testing.T) {
	b := behindNAT(t, 2*lookoutFinds)
	b.die(3)
	b.lose(3)
	for b.nodes[1].core.lookout.busy() {
		n := b.nodes[1]
		n.away = nil
		n.core.Tick(b.now, &n.effects)
		b.collect(n)
		if len(n.away) > lookoutFinds {
			t.Fatalf("%d at a time", len(n.away))
		}
		if !n.core.Busy() && n.core.lookout.busy() {
			t.Fatal("rests")
		}
	}
}
