package cluster

import (
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/location"
)

// proving has the op prove with the nonce and count, from a source.
func proving(source, nonce uint64, count uint32, op *RegisterOp) *RegisterOp {
	op.Update.Source, op.Update.Proof = source, location.Proof{Nonce: nonce << 20, Count: count}
	return op
}

// replayed is an op of somebody else, who has seen what was proved: for a contact of theirs, or to fetch.
func replayed(nonce uint64, count uint32, fetches bool) *RegisterOp {
	op := proving(6, nonce, count, newRegister(aor, 50, 3600))
	op.Update.CallID = []byte("another")
	op.Update.Contacts[0].URI = []byte("sip:evil@192.0.2.6")
	if fetches {
		op.Update.Contacts = nil
	}
	return op
}

// wantReplayed fails unless every member refuses what proves with a nonce and count that were used.
func (b *bench) wantReplayed(nonce uint64, count uint32) {
	b.t.Helper()
	for id := uint32(1); id <= 9; id++ {
		for _, fetches := range []bool{false, true} {
			if n := b.nodes[id]; n != nil {
				if got := b.answer(n, replayed(nonce, count, fetches)); got != location.StatusReplayed {
					b.t.Errorf("a replay through m%d is answered %d", id, got)
				}
			}
		}
	}
}

// What was proved goes where the answer says that the update is: no member that takes over takes it again. That of a fetch
// does, and that of what was refused, and where nothing else is left of an AOR.
func TestReplayAfterFailover(t *testing.T) {
	fetch := newRegister(aor, 5, 0)
	fetch.Update.Contacts = nil
	many := newRegister(aor, 5, 60)
	for range 3 {
		c := many.Update.Contacts[0]
		c.URI = append([]byte("sip:a"), c.URI[4:]...)
		c.URI[4] += byte(len(many.Update.Contacts))
		many.Update.Contacts = append(many.Update.Contacts, c)
	}
	for name, tt := range map[string]struct {
		op   *RegisterOp
		want int
	}{
		"a refresh":    {newRegister(aor, 5, 3600), 200},
		"a removal":    {newRegister(aor, 5, 0), 200},
		"a fetch":      {fetch, 200},
		"out of order": {newRegister(aor, 1, 3600), 500},
		"too many":     {many, 403},
	} {
		for how, fail := range map[string]func(b *bench, home uint32){
			"the home is killed": func(b *bench, home uint32) {
				b.die(home)
				b.lose(home)
			},
			"the home begins anew": func(b *bench, home uint32) { b.restart(home) },
			"the home leaves":      func(b *bench, home uint32) { b.become(home, config.Draining) },
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				b, owners := settled(t, 2, 3)
				b.mustRegister(owners[0], newRegister(aor, 2, 3600))
				op := *tt.op
				op.Update.Proof, op.Update.Source = location.Proof{Nonce: 7 << 20, Count: 3}, 1
				if got := b.answer(b.other(aor), &op); got != tt.want {
					t.Fatalf("the request itself is answered %d", got)
				}
				fail(b, owners[0].id)
				b.carry()
				b.pass(1000)
				b.wantReplayed(7, 3)
				b.wantReplayed(7, 2)
				again := op
				if got := b.answer(b.nodes[owners[1].id], &again); got != tt.want {
					t.Errorf("a retransmission is answered %d", got)
				}
			})
		}
	}
}

// A fetch is answered when what it proved is known to all that hold the AOR, the first time and again.
func TestFetchWaitsForItsProof(t *testing.T) {
	b, owners := settled(t, 2, 3)
	fetch := func() *RegisterOp {
		op := proving(1, 7, 1, newRegister(aor, 5, 0))
		op.Update.Contacts = nil
		return op
	}
	b.register(owners[0], fetch())
	b.wantAnswers(owners[0], 0, 0)
	b.mail = nil // lost with the stream
	b.register(owners[0], fetch())
	b.wantAnswers(owners[0], 0, 0)
	b.carry()
	b.wantAnswers(owners[0], 1, 200)
	b.die(owners[0].id)
	b.lose(owners[0].id)
	b.settle()
	b.wantReplayed(7, 1)
	unproved := newRegister(aor, 6, 0)
	unproved.Update.Contacts = nil
	for _, n := range b.nodes {
		if got := b.answer(n, unproved); got != 200 {
			t.Errorf("a fetch that proves nothing is answered %d", got)
		}
	}
}

// An update that is ordered once more, because an older one had won over it, is no replay of itself; and still nobody else may
// use its proof.
func TestOrderedAgainIsNoReplay(t *testing.T) {
	for name, at := range map[string]func(b *bench, slow *node) *node{
		"where it is ordered": func(_ *bench, slow *node) *node { return slow },
		"at another edge":     func(b *bench, _ *node) *node { return b.other(aor) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 3, 4)
			b.settle()
			owners := b.owners(aor) // each of the first two is the home where the other is not
			fast, slow, common := b.nodes[owners[0]], b.nodes[owners[1]], b.nodes[owners[2]]
			edge := at(b, slow)
			fast.skew = 20 * 60 * 1000
			b.pass(100)
			b.view(fast, fast.membership.PeerDown(b.now, slow.id, "cut"))
			for _, n := range []*node{slow, b.other(aor)} {
				b.view(n, n.membership.PeerDown(b.now, fast.id, "cut"))
			}
			b.carry()
			b.pass(1000)
			slow.core.ahead = 0 // so the older one is not known as such by its version
			before := b.sumOf(func(s Stats) float64 { return float64(s.OrderedAgain) })
			b.register(fast, proving(1, 7, 1, newRegister(aor, 1, 3600)))
			b.carryWhere(func(m mail) bool { return m.from == fast.id || m.to == fast.id })
			op := proving(1, 7, 2, newRegister(aor, 2, 3600))
			b.register(edge, op)
			b.carryWhere(func(m mail) bool { return m.kind() == kindRegister })
			b.again(slow.id, common.id) // and what the common one passed on is lost
			b.carry()
			b.pass(100)
			if op.Status != 200 {
				t.Errorf("answered %d", op.Status)
			}
			if b.sumOf(func(s Stats) float64 { return float64(s.OrderedAgain) }) == before {
				t.Fatal("nothing was ordered again")
			}
			b.mustFind(slow, aor, Found, 2)
			for _, n := range []*node{slow, common} {
				if got := b.answer(n, replayed(7, 2, false)); got != location.StatusReplayed {
					t.Errorf("a replay through m%d is answered %d", n.id, got)
				}
			}
		})
	}
}

// A copy that has missed what was proved gets it when the two compare.
func TestProofsAreCompared(t *testing.T) {
	b, owners := settled(t, 2, 3)
	b.mustRegister(owners[0], proving(1, 7, 1, newRegister(aor, 2, 3600)))
	fetch := proving(1, 7, 2, newRegister(aor, 5, 0))
	fetch.Update.Contacts = nil
	local := owners[1].local(aor)
	owners[1].core.store.Apply(b.now, int(local), 0, &fetch.Update, location.Limits{}, 1, owners[1].id) // here alone
	b.pass(30_000)
	b.wantReplayed(7, 2)
}
