package connlimit

import (
	"net"
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// fake is a connection that knows whether it was closed.
type fake struct {
	net.Conn
	from   netip.Addr
	closed bool
}

func (f *fake) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(netip.AddrPortFrom(f.from, 1)) }
func (f *fake) Close() error         { f.closed = true; return nil }

// held is a connection as the table should have it.
type held struct {
	*fake
	busy bool
}

// model is the table's rule, told by looking at all connections in their order.
type model struct {
	limits Limits
	order  []held // the oldest first, by when they came or last changed
}

func (m *model) remove(i int) *fake {
	f := m.order[i].fake
	m.order = append(m.order[:i:i], m.order[i+1:]...)
	return f
}

// victim is the first of a class that is from there, or from the source with the most
// of the class: the earliest of these, if nowhere is said.
func (m *model) victim(from netip.Addr) *fake {
	for _, busy := range []bool{false, true} {
		of := map[netip.Addr]int{}
		most := 0
		for _, h := range m.order {
			if h.busy == busy {
				of[h.from]++
				most = max(most, of[h.from])
			}
		}
		for i, h := range m.order {
			if h.busy == busy && (h.from == from || !from.IsValid() && of[h.from] == most) {
				return m.remove(i)
			}
		}
	}
	return nil
}

// add returns what must be closed.
func (m *model) add(f *fake) (closed []*fake) {
	of := 0
	for _, h := range m.order {
		if h.from == f.from {
			of++
		}
	}
	switch {
	case of == m.limits.PerSource:
		closed = append(closed, m.victim(f.from))
	case len(m.order) == m.limits.Total:
		closed = append(closed, m.victim(netip.Addr{}))
	}
	m.order = append(m.order, held{fake: f})
	return closed
}

// TestOldestMakesRoom: whatever comes, goes and is busy, the newest is held, the
// bounds are kept, and who has to go is the oldest that is idle, of its own source or of
// the one with the most.
func TestOldestMakesRoom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{Total: rapid.IntRange(1, 6).Draw(t, "total"), PerSource: rapid.IntRange(1, 4).Draw(t, "per source")}
		table, want := New(limits), &model{limits: limits}
		dropped := uint64(0)
		all := map[*fake]bool{} // to whether it must be closed
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if n := len(want.order); n > 0 && rapid.Bool().Draw(t, "one that is held") {
				i := rapid.IntRange(0, n-1).Draw(t, "which")
				h := want.order[i]
				want.remove(i)
				switch rapid.IntRange(0, 2).Draw(t, "what") {
				case 0:
					table.Remove(h.fake)
					continue
				case 1:
					table.Busy(h.fake)
					h.busy = true
				case 2:
					table.Idle(h.fake)
					h.busy = false
				}
				want.order = append(want.order, h)
				continue
			}
			f := &fake{from: netip.AddrFrom4([4]byte{192, 0, 2, rapid.Byte().Draw(t, "source") % 3})}
			all[f] = false
			for _, c := range want.add(f) {
				all[c] = true
				dropped++
			}
			table.Add(f)
			for c, closed := range all {
				if c.closed != closed {
					t.Fatalf("one of %s is closed: %v, want %v", c.from, c.closed, closed)
				}
			}
			if table.Len() != len(want.order) || table.Dropped() != dropped {
				t.Fatalf("%d held and %d dropped, want %d and %d", table.Len(), table.Dropped(), len(want.order), dropped)
			}
		}
		for _, h := range want.order {
			table.Remove(h.fake)
		}
		if table.Len() != 0 || len(table.sources) != 0 || len(table.ranks[idle].sources)+len(table.ranks[busy].sources) != 0 {
			t.Fatal("something is left of connections that are gone")
		}
	})
}

// TestManyOfOneSourceMakeRoom: who holds many makes room, not who was here before.
func TestManyOfOneSourceMakeRoom(t *testing.T) {
	table := New(Limits{Total: 10, PerSource: 9})
	phone := &fake{from: netip.MustParseAddr("192.0.2.1")}
	table.Add(phone)
	var many []*fake
	for range 9 {
		many = append(many, &fake{from: netip.MustParseAddr("192.0.2.2")})
		table.Add(many[len(many)-1])
	}
	next := &fake{from: netip.MustParseAddr("192.0.2.3")}
	table.Add(next)
	if phone.closed || next.closed || !many[0].closed || many[1].closed {
		t.Errorf("the phone's is closed: %v, the next one's: %v, the first of many: %v, the second: %v", phone.closed, next.closed, many[0].closed, many[1].closed)
	}
}

// TestExemptSources: who is trusted may have as many as there are places, and makes room
// where all are taken.
func TestExemptSources(t *testing.T) {
	balancer, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	table := New(Limits{Total: 4, PerSource: 1, Exempt: func(a netip.Addr) bool { return a == balancer }})
	var all []*fake
	for _, from := range []netip.Addr{balancer, balancer, balancer, other, other} {
		all = append(all, &fake{from: from})
		table.Add(all[len(all)-1])
	}
	if table.Len() != 4 || !all[3].closed || all[0].closed {
		t.Errorf("%d are held, the other's first is closed: %v, the balancer's: %v", table.Len(), all[3].closed, all[0].closed)
	}
	table.Add(&fake{from: netip.MustParseAddr("192.0.2.3")})
	if !all[0].closed {
		t.Error("the balancer's first is not closed")
	}
}

// TestWhoIsGoneIsForgotten: what is told of a connection that was closed to make
// room changes nothing.
func TestWhoIsGoneIsForgotten(t *testing.T) {
	table := New(Limits{Total: 1, PerSource: 1})
	first, second := &fake{from: netip.IPv6Loopback()}, &fake{from: netip.IPv6Loopback()}
	table.Add(first)
	table.Add(second)
	table.Busy(first)
	table.Remove(first)
	if !first.closed || second.closed || table.Len() != 1 {
		t.Errorf("first closed %v, second closed %v, %d held", first.closed, second.closed, table.Len())
	}
}
