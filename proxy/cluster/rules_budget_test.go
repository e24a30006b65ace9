package cluster

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/location"
)

// inFlight is what a member may take above its budget: what was under way when it came to it, and what a slice grows by.
const inFlight = 4 << 10

// budget has members take no more than so many bytes.
func (b *bench) budget(bytes int, ids ...uint32) {
	for _, id := range ids {
		b.nodes[id].core.cfg.Budget = bytes
	}
}

func (n *node) bytes() int { return n.core.Stats().Bytes }

// answer registers and returns the status.
func (b *bench) answer(n *node, op *RegisterOp) int {
	b.register(n, op)
	b.carry()
	return op.Status
}

func address(i int) string { return fmt.Sprintf("sip:%d@example.com", i) }

// Whatever is registered by whomever: no member takes more than its budget, what was acknowledged is found, and refreshes
// and removals are taken.
func TestBudgetHolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t, 2, 3)
		b.settle()
		budget := rapid.IntRange(6<<10, 20<<10).Draw(rt, "budget")
		b.budget(budget, 1, 2, 3)
		known, refused := map[int]uint32{}, 0
		for i := range rapid.IntRange(60, 200).Draw(rt, "requests") {
			n := b.nodes[rapid.Uint32Range(1, 3).Draw(rt, "member")]
			which := i
			if len(known) > 0 && rapid.IntRange(0, 2).Draw(rt, "known") == 0 {
				which = rapid.SampledFrom(sortedKeys(known)).Draw(rt, "which")
			}
			op := newRegister(address(which), uint32(i+1), 3600)
			_, isKnown := known[which]
			if isKnown && rapid.IntRange(0, 4).Draw(rt, "remove") == 0 {
				op = newRegister(address(which), uint32(i+1), 0)
			}
			switch status := b.answer(n, op); {
			case status == location.StatusNoRoom && !isKnown:
				refused++
			case status != location.StatusOK:
				rt.Fatalf("%s, known %v: answered %d", op.Update.AOR, isKnown, status)
			case op.Update.Contacts[0].Expires == 0:
				delete(known, which)
			default:
				known[which] = op.Update.CSeq
			}
			b.now += 10
		}
		for id := uint32(1); id <= 3; id++ {
			n := b.nodes[id]
			if n.bytes() > budget+inFlight {
				rt.Fatalf("m%d takes %d bytes, its budget is %d", id, n.bytes(), budget)
			}
			for which, cseq := range known {
				b.mustFind(n, address(which), Found, cseq)
			}
		}
		if most := max(b.nodes[1].bytes(), b.nodes[2].bytes(), b.nodes[3].bytes()); refused > 0 && most < budget/2 {
			rt.Fatalf("refused %d with %d of %d bytes", refused, most, budget)
		}
	})
}

func sortedKeys(m map[int]uint32) []int {
	var keys []int
	for i := range 1000 {
		if _, ok := m[i]; ok {
			keys = append(keys, i)
		}
	}
	return keys
}

// Who orders an update refuses it for every member that is to hold it, and for no other; and takes it once they have room.
func TestBudgetOfAnyHolderCounts(t *testing.T) {
	for name, tell := range map[string]func(b *bench, short uint32){
		"told as it came to it": func(*bench, uint32) {},
		"told on a new stream": func(b *bench, short uint32) {
			for id := uint32(1); id <= 3; id++ {
				if id != short {
					b.again(short, id)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 2, 3)
			b.settle()
			owners := b.owners(aor)
			home, replica, third := b.nodes[owners[0]], b.nodes[owners[1]], b.other(aor)
			b.budget(1, replica.id) // any record is above it
			b.pass(100)
			tell(b, replica.id)
			b.carry()
			for i := 0; replica.bytes() == 0; i++ { // of another partition: until it has something, it has room
				b.answer(home, newRegister(address(i), 1, 5))
			}
			b.pass(100)
			tell(b, replica.id)
			b.carry()
			for _, n := range []*node{home, replica, third} {
				if got := b.answer(n, newRegister(aor, 1, 3600)); got != location.StatusNoRoom {
					t.Errorf("through m%d: answered %d though the replica has no room", n.id, got)
				}
			}
			if home.has(b, aor) || replica.has(b, aor) {
				t.Error("what was refused is there")
			}
			if home.core.Stats().NoRoom == 0 {
				t.Error("not counted")
			}
			for i := range 100 {
				v := home.membership.View()
				if name := address(1000 + i); !v.Ring.IsOwner(v.Partition([]byte(name)), replica.id) {
					if got := b.answer(home, newRegister(name, 1, 3600)); got != location.StatusOK {
						t.Errorf("what the replica does not hold is answered %d", got)
					}
					break
				}
			}
			b.budget(0, replica.id)
			replica.core.budget.room = location.RoomForAll
			b.budget(1<<20, replica.id)
			b.pass(100)
			if got := b.answer(third, newRegister(aor, 1, 3600)); got != location.StatusOK {
				t.Errorf("answered %d though there is room again", got)
			}
		})
	}
}

// What was refused for want of room may be late once there is some, and nothing tells of it.
func TestLateCopyOfWhatWasRefused(t *testing.T) {
	for name, short := range map[string]int{"by the home": 0, "for a replica": 1} {
		t.Run(name, func(t *testing.T) {
			b, owners := settled(t, 2, 3)
			late := address(0)
			for i := 1; !slices.Equal(b.owners(late), b.owners(aor)); i++ {
				late = address(i)
			}
			n, home := owners[short], owners[0]
			b.budget(1, n.id)
			b.pass(100)
			for cseq := range uint32(20) {
				if got := b.answer(home, newRegister(late, cseq+1, 3600)); got != location.StatusNoRoom {
					t.Fatalf("answered %d", got)
				}
			}
			b.budget(1<<20, n.id)
			b.pass(100)
			b.mustRegister(home, newRegister(late, 21, 3600))
			b.mustRegister(home, newRegister(late, 22, 0))
			b.answer(home, newRegister(late, 5, 3600))
			b.mustFind(home, late, NotFound, 0)
		})
	}
}

// Between the two bounds, and a little below each on the way back, the answer is the same for all.
func TestRoomByBytes(t *testing.T) {
	const budget = 24 << 10
	c := NewCore(CoreConfig{Self: 1, Cores: 1, Budget: budget})
	c.store = location.NewStore(1)
	fill := func(bytes int) {
		c.store.Drop(0)
		for i := 0; c.store.Stats().Bytes < bytes; i++ {
			u := newRegister(address(i), 1, 3600).Update
			c.store.Apply(start, 0, uint64(i), &u, location.Limits{}, 1, 1)
		}
		c.budget.measure()
	}
	for _, step := range []struct {
		bytes int
		want  location.Room
	}{
		{0, location.RoomForAll},
		{budget - budget/32, location.RoomForAll},
		{budget, location.RoomForKnown},
		{budget - budget/32, location.RoomForKnown},
		{budget / 2, location.RoomForAll},
		{budget * 5 / 4, location.NoRoom},
		{budget*5/4 - budget/32, location.NoRoom},
		{budget + budget/16, location.RoomForKnown},
		{0, location.RoomForAll},
	} {
		if fill(step.bytes); c.budget.room != step.want {
			t.Errorf("%d of %d bytes: room %d, want %d", c.store.Stats().Bytes, budget, c.budget.room, step.want)
		}
	}
}
