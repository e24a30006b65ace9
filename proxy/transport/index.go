package transport

import "sync"

// index finds connections by their number. It is split, so that those who send to
// different ones seldom meet.
type index [64]struct {
	mu    sync.RWMutex
	conns map[uint64]*conn
	_     [24]byte
}

func newIndex() *index {
	x := &index{}
	for i := range x {
		x[i].conns = map[uint64]*conn{}
	}
	return x
}

func (x *index) add(c *conn) {
	s := &x[c.flow.Conn%uint64(len(x))]
	s.mu.Lock()
	s.conns[c.flow.Conn] = c
	s.mu.Unlock()
}

func (x *index) remove(c *conn) {
	s := &x[c.flow.Conn%uint64(len(x))]
	s.mu.Lock()
	delete(s.conns, c.flow.Conn)
	s.mu.Unlock()
}

// of is the connection of that number, nil if there is none.
func (x *index) of(number uint64) *conn {
	s := &x[number%uint64(len(x))]
	s.mu.RLock()
	c := s.conns[number]
	s.mu.RUnlock()
	return c
}

// all appends every connection.
func (x *index) all(to []*conn) []*conn {
	for i := range x {
		x[i].mu.RLock()
		for _, c := range x[i].conns {
			to = append(to, c)
		}
		x[i].mu.RUnlock()
	}
	return to
}
