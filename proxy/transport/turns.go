package transport

import (
	"sync"
)

// turns are places for what keeps a core busy for long, a handshake of TLS. Of hundreds
// that come at once, as when a member dies and its phones come back, no more than there
// are cores want the CPU at a time, so that what is read from other connections and sockets
// waits for one of them, and not for all. They are given in the order in which they are
// asked for, those first that come from where somebody is expected. Safe for concurrent use.
type turns struct {
	now func() int64 // milliseconds

	mu       sync.Mutex
	free     int
	first    []waiter // from where somebody is expected
	rest     []waiter
	inARow   int              // of first
	expected map[uint64]int64 // sources, until when, in milliseconds
}

// waiter is who waits for a turn.
type waiter struct {
	source uint64
	ready  chan struct{}
}

const (
	// maxFirst is how many of those that go first do so in a row while others wait: nobody
	// is kept out by them.
	maxFirst = 4
	// expectedMillis is for how long somebody is expected, and maxExpected from how many
	// sources.
	expectedMillis = 10_000
	maxExpected    = 4096
)

func newTurns(places int, now func() int64) *turns {
	return &turns{now: now, free: places, expected: map[uint64]int64{}}
}

// expect has those of a source go first from now on, those among them that wait already.
// Beyond the bound there is no order.
func (t *turns) expect(source uint64) {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	until, known := t.expected[source]
	if !known && len(t.expected) >= maxExpected {
		t.forget(now)
	}
	if !known && len(t.expected) >= maxExpected {
		return
	}
	if t.expected[source] = now + expectedMillis; known && now < until {
		return
	}
	rest := t.rest[:0]
	for _, w := range t.rest {
		if w.source == source {
			t.first = append(t.first, w)
		} else {
			rest = append(rest, w)
		}
	}
	clear(t.rest[len(rest):])
	t.rest = rest
}

func (t *turns) expects(source uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now() < t.expected[source]
}

// forget makes room: nobody comes any more.
func (t *turns) forget(now int64) {
	for source, until := range t.expected {
		if now >= until {
			delete(t.expected, source)
		}
	}
}

// take waits for a place.
func (t *turns) take(source uint64) {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return
	}
	w := waiter{source, make(chan struct{})}
	if t.now() < t.expected[source] {
		t.first = append(t.first, w)
	} else {
		t.rest = append(t.rest, w)
	}
	t.mu.Unlock()
	<-w.ready
}

// leave gives a place to who is next.
func (t *turns) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	from := &t.rest
	if len(t.first) > 0 && (t.inARow < maxFirst || len(t.rest) == 0) {
		from = &t.first
	}
	if t.inARow++; from == &t.rest {
		t.inARow = 0
	}
	if len(*from) == 0 {
		t.free++
		return
	}
	close((*from)[0].ready)
	(*from)[0] = waiter{}
	*from = (*from)[1:]
}

// turn is a place that is held while there is work, and not while the far end is waited
// for: who begins a handshake and says no more keeps nobody from theirs. Its zero value
// waits for nothing.
type turn struct {
	of     *turns
	source uint64
	held   bool
}

func (t *turn) take() {
	if t.of != nil && !t.held {
		t.of.take(t.source)
		t.held = true
	}
}

func (t *turn) leave() {
	if t.held {
		t.of.leave()
		t.held = false
	}
}
