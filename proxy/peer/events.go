package peer

import (
	"sync"
	"time"
)

// EventKind names what happened to the cluster as this member saw it.
type EventKind string

// The kinds of events.
const (
	EventPeerUp      EventKind = "peer_up"      // a stream to a member is established
	EventPeerLost    EventKind = "peer_lost"    // a member is down, as this one sees it
	EventRingChanged EventKind = "ring_changed" // the effective ring is another one
	EventRehomed     EventKind = "rehomed"      // bindings whose home this member became
	EventRepaired    EventKind = "repaired"     // bindings this member is home of have their copies again
	EventSynced      EventKind = "synced"       // this member holds all it owns
	EventUnsynced    EventKind = "unsynced"     // this member waits for what it owns
	EventMembers     EventKind = "members"      // a newer member set came in force
	EventDraining    EventKind = "draining"     // this member hands over and leaves
	EventStuck       EventKind = "stuck"        // this process makes no steps and lets others serve
	EventSound       EventKind = "sound"        // it makes steps again
)

// Event is one line of the recent history of the cluster.
type Event struct {
	// Seq grows by one with every event of this process.
	Seq uint64 `json:"seq"`
	// UnixNano is the wall clock in nanoseconds since 1970.
	UnixNano int64 `json:"unixNano"`
	// Kind of the event.
	Kind EventKind `json:"kind"`
	// Member is the ID of the member that it is about, 0 for this one.
	Member uint32 `json:"member,omitempty"`
	// Epoch of the member set in force.
	Epoch uint64 `json:"epoch"`
	// Count of what happened: bindings re-homed, members in the ring.
	Count int `json:"count,omitempty"`
	// Detail for people.
	Detail string `json:"detail,omitempty"`
	// LastHeard is when a lost member was last heard of, as UnixNano: its loss begins
	// there.
	LastHeard int64 `json:"lastHeardUnixNano,omitempty"`
}

// eventLog keeps the newest events and wakes who follows them.
type eventLog struct {
	mu      sync.Mutex
	ring    []Event
	seq     uint64
	changed chan struct{} // closed and replaced with every event
}

// keepEvents is how many events are kept.
const keepEvents = 512

func newEventLog() *eventLog { return &eventLog{changed: make(chan struct{})} }

func (l *eventLog) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	e.Seq = l.seq
	if e.UnixNano == 0 {
		e.UnixNano = time.Now().UnixNano()
	}
	if len(l.ring) == keepEvents {
		copy(l.ring, l.ring[1:])
		l.ring = l.ring[:keepEvents-1]
	}
	l.ring = append(l.ring, e)
	close(l.changed)
	l.changed = make(chan struct{})
}

// since returns the kept events after seq, oldest first, and a channel that is
// closed at the next event.
func (l *eventLog) since(seq uint64) ([]Event, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Event
	for _, e := range l.ring {
		if e.Seq > seq {
			out = append(out, e)
		}
	}
	return out, l.changed
}
