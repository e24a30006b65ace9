package cluster

import (
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// A process that starts with an old set, in which it is alone, begins the cluster anew, with nothing. As soon as it hears
// of those who hold what there is it serves no more until it has that too.
func TestFirstOfAllByAnOldSet(t *testing.T) {
	for name, c := range map[string]struct {
		state  config.MemberState // of the others, as published
		before bool               // it is known when the set comes, so before anybody can be asked anything
	}{
		"published as active":                      {config.Active, true},
		"published as leaving":                     {config.Draining, true},
		"published as joining, by a late operator": {config.Joining, false},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := settled(t, 2, 3)
			b.publish(func(s *config.MemberSet) { s.Members[1].State, s.Members[2].State = c.state, c.state })
			now := b.set
			b.die(1)
			b.lose(1)
			b.carry()
			b.set = testSet(1, 2, 1, config.Joining)
			n := b.add(1)
			if synced, _ := n.membership.SelfState(); !synced || n.holding(aor) != held {
				t.Fatalf("alone: synced %v, is %v", synced, n.holding(aor))
			}
			b.set = now
			b.view(n, n.membership.SetChanged(b.now, now))
			if synced, _ := n.membership.SelfState(); c.before && (synced || n.holding(aor) != filling) {
				t.Errorf("as it hears of the others: synced %v, is %v", synced, n.holding(aor))
			}
			b.meet()
			if synced, _ := n.membership.SelfState(); synced || n.holding(aor) != filling {
				t.Errorf("as it meets the others: synced %v, is %v", synced, n.holding(aor))
			}
			for _, m := range b.nodes {
				b.mustFind(m, aor, Found, 1)
			}
			b.pass(500)
			if synced, _ := n.membership.SelfState(); !synced || !n.has(b, aor) {
				t.Errorf("after all: synced %v, is %v", synced, n.holding(aor))
			}
		})
	}
}

// Who did begin the cluster goes on serving while others come, are published as active, and begin anew.
func TestFirstOfAllStays(t *testing.T) {
	b := newBench(t, 2, 1)
	n := b.nodes[1]
	b.mustRegister(n, newRegister(aor, 1, 3600))
	serves := func(when string) {
		t.Helper()
		if synced, _ := n.membership.SelfState(); !synced || !n.core.partitions.serves(n.local(aor)) {
			t.Fatalf("%s: synced %v, is %v", when, synced, n.holding(aor))
		}
	}
	for id := uint32(2); id <= 3; id++ {
		b.publish(func(s *config.MemberSet) {
			s.Members = testSet(1, 2, int(id), config.Active).Members
			s.Members[id-1].State = config.Joining
		})
		serves("published as joining")
		b.add(id)
		b.meet()
		serves("met")
		for len(b.mail) > 0 {
			b.carryOne()
			serves("fetching")
		}
		b.publish(func(s *config.MemberSet) { s.Members[id-1].State = config.Active })
		serves("published as active")
		b.settle()
	}
	b.restart(2)
	for len(b.mail) > 0 {
		serves("begun anew")
		b.carryOne()
	}
	b.again(1, 3)
	serves("stream broken")
	b.pass(500)
	b.die(2)
	b.lose(2)
	b.publish(func(s *config.MemberSet) { s.Members[0].State, s.Members[2].State = config.Joining, config.Joining })
	now := b.set
	b.set = &config.MemberSet{Epoch: 1, Ring: now.Ring, Members: now.Members[1:2]}
	misled := b.add(2)
	b.view(misled, misled.membership.SetChanged(b.now, now))
	if synced, _ := misled.membership.SelfState(); !synced {
		t.Fatal("the other one is not misled")
	}
	b.meet()
	serves("met by one that an old set has misled")
	b.settle()
	serves("after all")
}
