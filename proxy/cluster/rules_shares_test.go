package cluster

import (
	"fmt"
	"slices"
	"testing"

	"github.com/sipring/sipring/proxy/location"
)

// from is a REGISTER of a source.
func from(source uint64, aor string, cseq, expires uint32) *RegisterOp {
	op := newRegister(aor, cseq, expires)
	op.Update.Source = source
	return op
}

// inDomain is from for a cluster of several domains.
func inDomain(source uint64, aor string, cseq, expires uint32) *RegisterOp {
	op := from(source, aor, cseq, expires)
	op.Update.Shared = true
	return op
}

// What one source, or one domain, floods through any member is refused before there is no room for others, and counted by
// why; what was taken is refreshed and removed through any.
func TestShareLeavesRoom(t *testing.T) {
	for name, tt := range map[string]struct {
		sources uint64
		domains [2]string // of the flood, and of others
		make    func(source uint64, aor string, cseq, expires uint32) *RegisterOp
		status  int
		count   func(*Stats) uint64
	}{
		"one source":                {1, [2]string{"a.example", "a.example"}, from, location.StatusSourceFull, func(s *Stats) uint64 { return s.SourceFull }},
		"one domain, fifty sources": {50, [2]string{"a.example", "b.example"}, inDomain, location.StatusDomainFull, func(s *Stats) uint64 { return s.DomainFull }},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, 2, 3)
			b.settle()
			const budget = 48 << 10
			b.budget(budget, 1, 2, 3)
			member := func(i int) *node { return b.nodes[uint32(1+i%3)] }
			var taken []int
			refused := uint64(0)
			flood := func(i int, cseq, expires uint32) *RegisterOp {
				return tt.make(1+uint64(i)%tt.sources, fmt.Sprintf("sip:m%d@%s", i, tt.domains[0]), cseq, expires)
			}
			for i := range 600 {
				switch got := b.answer(member(i), flood(i, 1, 3600)); got {
				case location.StatusOK:
					taken = append(taken, i)
				case tt.status:
					refused++
				default:
					t.Fatalf("the flood is answered %d", got)
				}
				b.now += 10
			}
			counted := uint64(0)
			for i := range 3 {
				s := member(i).core.Stats()
				counted += tt.count(&s)
				if s.Bytes > budget*3/4 {
					t.Errorf("m%d takes %d of %d bytes", member(i).id, s.Bytes, budget)
				}
			}
			if counted != refused || refused == 0 {
				t.Errorf("%d are refused, %d counted", refused, counted)
			}
			for i := range 12 {
				if got := b.answer(member(i), tt.make(100, fmt.Sprintf("sip:other%d@%s", i, tt.domains[1]), 1, 3600)); got != location.StatusOK {
					t.Errorf("another's AOR is answered %d", got)
				}
			}
			for _, i := range taken {
				for cseq, expires := range []uint32{3600, 0} {
					if got := b.answer(member(i+1), flood(i, uint32(2+cseq), expires)); got != location.StatusOK {
						t.Fatalf("what was taken, again for %d s, is answered %d", expires, got)
					}
				}
			}
		})
	}
}

// What was refused to a source that has its share leaves no trace, so for as long as copies of it may be on their way every
// member reckons with them, whichever is the home by then.
func TestAllHearOfRefusalsForAShare(t *testing.T) {
	b, owners := settled(t, 2, 3)
	home, late := owners[0], address(100)
	for i := 1; !slices.Equal(b.owners(late), b.owners(aor)); i++ {
		late = address(100 + i)
	}
	for i := range 20 {
		b.answer(home, from(1, address(i), 1, 3600))
	}
	b.budget(home.bytes()*10/6, home.id)
	untold := func(n *node) bool { return n.core.operations.orders.limits(0, nil).Untold }
	b.pass(100)
	for id, n := range b.nodes {
		if untold(n) {
			t.Fatalf("m%d reckons with what was not sent", id)
		}
	}
	if got := b.answer(home, from(1, late, 1, 3600)); got != location.StatusSourceFull {
		t.Fatalf("answered %d", got)
	}
	b.pass(100)
	for id, n := range b.nodes {
		if !untold(n) {
			t.Errorf("m%d does not know that something was refused", id)
		}
	}
	b.again(home.id, b.other(aor).id) // a new stream tells it too
	b.pass(location.OrderFor - 1000)
	for id, n := range b.nodes {
		if !untold(n) {
			t.Errorf("m%d has forgotten what may be on its way", id)
		}
	}
	b.pass(2*location.OrderFor + 1000)
	for id, n := range b.nodes {
		if untold(n) {
			t.Errorf("m%d reckons with what is over", id)
		}
	}
}
