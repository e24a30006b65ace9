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

func (m *model) victim(newest *fake, from netip.Addr) *fake {
	for _, busy := range []bool{false, true} {
		for i, h := range m.order {
			if h.busy == busy && h.fake != newest && (!from.IsValid() || h.from == from) {
				return m.remove(i)
			}
		}
	}
	return nil
}

// add returns what must be closed.
func (m *model) add(f *fake) (closed []*fake) {
	m.order = append(m.order, held{fake: f})
	of := 0
	for _, h := range m.order {
		if h.from == f.from {
			of++
		}
	}
	if of > m.limits.PerSource {
		closed = append(closed, m.victim(f, f.from))
	}
	if len(m.order) > m.limits.Total {
		closed = append(closed, m.victim(f, netip.Addr{}))
	}
	return closed
}

// TestOldestMakesRoom: whatever comes, goes and is busy, the newest is held, the
// bounds are kept, and who has to go is the oldest that is idle.
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
		if table.Len() != 0 || len(table.ofSource) != 0 || table.idle.Len()+table.busy.Len() != 0 {
			t.Fatal("something is left of connections that are gone")
		}
	})
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
