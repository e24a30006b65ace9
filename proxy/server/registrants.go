package server

import (
	"bytes"
	"slices"
	"sync"

	"github.com/sipring/sipring/proxy/token"
)

// maxRegistrants is how many addresses-of-record are noted of a connection.
const maxRegistrants = 4

// registrants are who has registered over the connections of this process: each is
// found again by that when its connection is over. There are no more than connections.
// Safe for concurrent use.
type registrants [64]struct {
	mu sync.RWMutex
	by map[uint64][]token.End // by the connection's number; what an End refers to does not change
}

func newRegistrants() *registrants {
	n := &registrants{}
	for i := range n {
		n[i].by = map[uint64][]token.End{}
	}
	return n
}

// add notes who has registered over a connection, the newest last, and reports whether
// that is news.
func (n *registrants) add(conn uint64, aor []byte, instance uint64) bool {
	s := &n[conn%uint64(len(n))]
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.by[conn]
	if i := len(old) - 1; i >= 0 && old[i].Instance == instance && bytes.Equal(old[i].AOR, aor) {
		return false
	}
	list := without(old, aor)
	if len(list) == maxRegistrants {
		list = list[1:]
	}
	s.by[conn] = append(list, token.End{AOR: bytes.Clone(aor), Instance: instance})
	return true
}

// remove notes that an address-of-record is registered over a connection no more.
func (n *registrants) remove(conn uint64, aor []byte) {
	s := &n[conn%uint64(len(n))]
	s.mu.Lock()
	defer s.mu.Unlock()
	if list := without(s.by[conn], aor); len(list) > 0 {
		s.by[conn] = list
		return
	}
	delete(s.by, conn)
}

// without is a copy of a list without an address-of-record: whoever was given the list
// may still look at it.
func without(list []token.End, aor []byte) []token.End {
	return slices.DeleteFunc(slices.Clone(list), func(e token.End) bool { return bytes.Equal(e.AOR, aor) })
}

// end forgets a connection, and reports whether anybody has registered over it.
func (n *registrants) end(conn uint64) bool {
	s := &n[conn%uint64(len(n))]
	s.mu.Lock()
	defer s.mu.Unlock()
	_, any := s.by[conn]
	delete(s.by, conn)
	return any
}

// len is over how many connections anybody has registered.
func (n *registrants) len() (sum int) {
	for i := range n {
		n[i].mu.RLock()
		sum += len(n[i].by)
		n[i].mu.RUnlock()
	}
	return sum
}

// of is who has registered over a connection: the address-of-record, or else the last
// one; nobody, if there is none. Where more may have registered than are noted, as over that
// of another proxy, the address-of-record is one of those: the last would be a stranger.
func (n *registrants) of(conn uint64, aor []byte) token.End {
	s := &n[conn%uint64(len(n))]
	s.mu.RLock()
	list := s.by[conn]
	s.mu.RUnlock()
	for _, e := range list {
		if bytes.Equal(e.AOR, aor) {
			return e
		}
	}
	switch {
	case len(list) == 0:
		return token.End{}
	case len(list) == maxRegistrants && len(aor) > 0:
		return token.End{AOR: aor}
	}
	return list[len(list)-1]
}
