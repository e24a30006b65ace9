package application

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// State of the application of a member.
type State uint8

const (
	// Unknown is one of which nothing is known.
	Unknown State = iota
	// Serving is one that takes new calls.
	Serving
	// Down is one that does not serve.
	Down
	// Leaving is one that takes no new call, as its member drains: those that it has go on.
	Leaving
	states
)

// String is the word for people, and in reports.
func (s State) String() string {
	return [states]string{"Unknown", "Serving", "Down", "Leaving"}[s]
}

// Table is what this member knows of the application of each, its own included. The zero Table knows nothing. Safe for
// concurrent use; reading takes no lock.
type Table struct {
	mu  sync.Mutex // of who writes
	now atomic.Pointer[snapshot]
}

// snapshot is the table at one moment. It is not written to.
type snapshot struct {
	version uint64
	members map[uint32]known
}

// known is what is known of one application.
type known struct {
	life  uint32
	state State
}

var empty = &snapshot{}

func (t *Table) load() *snapshot {
	if s := t.now.Load(); s != nil {
		return s
	}
	return empty
}

// Serves reports whether the application of the member takes new calls. What is not known does not.
func (t *Table) Serves(member uint32) bool { return t.load().members[member].state == Serving }

// State is that of the application of the member, Unknown of one that is not in the table.
func (t *Table) State(member uint32) State { return t.load().members[member].state }

// Serving is how many applications take new calls.
func (t *Table) Serving() (n int) {
	for _, k := range t.load().members {
		if k.state == Serving {
			n++
		}
	}
	return n
}

// Version changes with each change of what the table says, and is never what it was before.
func (t *Table) Version() uint64 { return t.load().version }

// Set takes what the proxy of a member, of that life, says of its application, and reports whether that changed the
// table. What is said last counts, as lives have no order; but Unknown takes away only what an earlier life has said: a
// member that came up may have spoken before it was seen to.
func (t *Table) Set(member, life uint32, s State) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.load()
	was, there := old.members[member]
	if next := (known{life, s}); there && was == next || s == Unknown && (!there || was.life == life) {
		return false
	}
	members := maps.Clone(old.members)
	if members == nil {
		members = map[uint32]known{}
	}
	members[member] = known{life, s}
	t.now.Store(&snapshot{version: old.version + 1, members: members})
	return true
}

// Keep forgets every member that is not among these, and reports whether that changed the table. So it never has more
// than a member set.
func (t *Table) Keep(members []uint32) (changed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.load()
	left := maps.Clone(old.members)
	maps.DeleteFunc(left, func(id uint32, _ known) bool { return !slices.Contains(members, id) })
	if len(left) == len(old.members) {
		return false
	}
	t.now.Store(&snapshot{version: old.version + 1, members: left})
	return true
}
