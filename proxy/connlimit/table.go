package connlimit

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/limit"
)

// Limits of a Table, at least 1 each.
type Limits struct {
	// Total is the most connections held, PerSource the most of one source.
	Total, PerSource int
	// Exempt reports whether PerSource is not for a source; nil exempts none.
	Exempt func(netip.Addr) bool
}

// Conn is a connection that a Table holds.
type Conn interface {
	RemoteAddr() net.Addr
	Close() error
}

// Table holds the connections of a port. Each is idle, which is what makes room
// first, or busy. Its methods may be called concurrently.
type Table struct {
	limits  Limits
	dropped atomic.Uint64

	mu      sync.Mutex
	held    map[Conn]*place
	sources map[uint64]*source
	ranks   [classes]ranking
	since   uint64
}

// place is where a connection is in the table.
type place struct {
	conn   Conn
	source *source
	class  int
	at     *list.Element
	since  uint64 // when it came into the class, as a number
}

// New returns an empty Table.
func New(l Limits) *Table {
	t := &Table{limits: l, held: map[Conn]*place{}, sources: map[uint64]*source{}}
	for class := range t.ranks {
		t.ranks[class].class = class
	}
	return t
}

// Add takes a connection in, as idle, and closes the one that it takes the place
// of. Every connection that was added must be removed.
func (t *Table) Add(conn Conn) {
	addr := addrOf(conn.RemoteAddr())
	id := limit.Source(addr)
	exempt := t.limits.Exempt != nil && t.limits.Exempt(addr)
	t.mu.Lock()
	over := t.makeRoom(id, exempt)
	s := t.sources[id]
	if s == nil {
		s = &source{id: id}
		t.sources[id] = s
	}
	p := &place{conn: conn, source: s}
	t.held[conn] = p
	t.put(p, idle)
	t.mu.Unlock()
	if over != nil {
		t.dropped.Add(1)
		drop(over.conn)
	}
}

// makeRoom removes the connection whose place one of this source is to have, if there
// are too many.
func (t *Table) makeRoom(id uint64, exempt bool) (over *place) {
	s := t.sources[id]
	switch {
	case s != nil && s.len() >= t.limits.PerSource && !exempt:
		over = s.oldest()
	case len(t.held) >= t.limits.Total:
		if over = t.ranks[idle].victim(); over == nil {
			over = t.ranks[busy].victim()
		}
	}
	if over != nil {
		t.remove(over)
	}
	return over
}

// Busy says that something is awaited from the connection, Idle that nothing is.
// Of the idle ones it is then the newest.
func (t *Table) Busy(conn Conn) { t.move(conn, busy) }

// Idle is the reverse of Busy.
func (t *Table) Idle(conn Conn) { t.move(conn, idle) }

func (t *Table) move(conn Conn, class int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.held[conn]; p != nil {
		t.take(p)
		t.put(p, class)
	}
}

// Remove lets a connection go, which it does not close.
func (t *Table) Remove(conn Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.held[conn]; p != nil {
		t.remove(p)
	}
}

// Len is how many connections are held.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.held)
}

// Dropped counts the connections closed to make room.
func (t *Table) Dropped() uint64 { return t.dropped.Load() }

// put has a connection be the newest of a class.
func (t *Table) put(p *place, class int) {
	t.since++
	p.class, p.since = class, t.since
	of := &p.source.of[class]
	p.at = of.PushBack(p)
	t.ranks[class].changed(p.source, of.Len()-1)
}

// take takes it out of its class.
func (t *Table) take(p *place) {
	of := &p.source.of[p.class]
	of.Remove(p.at)
	t.ranks[p.class].changed(p.source, of.Len()+1)
}

func (t *Table) remove(p *place) {
	t.take(p)
	delete(t.held, p.conn)
	if p.source.len() == 0 {
		delete(t.sources, p.source.id)
	}
}

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr()
	}
	return netip.IPv6Unspecified()
}

// drop closes with a reset: the kernel keeps nothing of the connection.
func drop(conn Conn) {
	if c, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}
