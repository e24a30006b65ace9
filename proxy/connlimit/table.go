package connlimit

import (
	"container/list"
	"net"
	"sync"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/limit"
)

// Limits of a Table, at least 1 each.
type Limits struct {
	// Total is the most connections held, PerSource the most of one source.
	Total, PerSource int
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

	mu         sync.Mutex
	held       map[Conn]*place
	ofSource   map[uint64]int
	idle, busy list.List // of *place, the oldest first
}

// place is where a connection is in the table.
type place struct {
	conn   Conn
	source uint64
	in     *list.List
	at     *list.Element
}

// New returns an empty Table.
func New(l Limits) *Table {
	return &Table{limits: l, held: map[Conn]*place{}, ofSource: map[uint64]int{}}
}

// Add takes a connection in, as idle, and closes those that it takes the place
// of. Every connection that was added must be removed.
func (t *Table) Add(conn Conn) {
	p := &place{conn: conn, source: source(conn.RemoteAddr())}
	t.mu.Lock()
	p.put(&t.idle)
	t.held[conn] = p
	t.ofSource[p.source]++
	var over []*place
	if t.ofSource[p.source] > t.limits.PerSource {
		over = append(over, t.take(func(o *place) bool { return o != p && o.source == p.source }))
	}
	if len(t.held) > t.limits.Total {
		over = append(over, t.take(func(o *place) bool { return o != p }))
	}
	t.mu.Unlock()
	for _, o := range over {
		t.dropped.Add(1)
		drop(o.conn)
	}
}

// Busy says that something is awaited from the connection, Idle that nothing is.
// Of the idle ones it is then the newest.
func (t *Table) Busy(conn Conn) { t.move(conn, &t.busy) }

// Idle is the reverse of Busy.
func (t *Table) Idle(conn Conn) { t.move(conn, &t.idle) }

func (t *Table) move(conn Conn, to *list.List) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.held[conn]; p != nil {
		p.in.Remove(p.at)
		p.put(to)
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

func (p *place) put(in *list.List) { p.in, p.at = in, in.PushBack(p) }

func (t *Table) remove(p *place) {
	p.in.Remove(p.at)
	delete(t.held, p.conn)
	if t.ofSource[p.source]--; t.ofSource[p.source] == 0 {
		delete(t.ofSource, p.source)
	}
}

// take removes the oldest that will do, of the idle ones if there is one. There
// is always one: the newest is not the only one where it is one too many.
func (t *Table) take(will func(*place) bool) *place {
	for _, l := range []*list.List{&t.idle, &t.busy} {
		for e := l.Front(); e != nil; e = e.Next() {
			if p, ok := e.Value.(*place); ok && will(p) {
				t.remove(p)
				return p
			}
		}
	}
	return nil
}

func source(a net.Addr) uint64 {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return limit.Source(tcp.AddrPort().Addr())
	}
	return 0
}

// drop closes with a reset: the kernel keeps nothing of the connection.
func drop(conn Conn) {
	if c, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}
