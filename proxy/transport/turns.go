package transport

import "runtime"

// turns are places for what keeps a core busy for long, a handshake of TLS. Of hundreds
// that come at once, as when a member dies and its phones come back, no more than there
// are cores want the CPU at a time, so that what is read from other connections and sockets
// waits for one of them, and not for all. They are given in the order in which they are
// asked for.
type turns chan struct{}

func newTurns() turns { return make(turns, runtime.GOMAXPROCS(0)) }

// turn is a place that is held while there is work, and not while the far end is waited
// for: who begins a handshake and says no more keeps nobody from theirs. Its zero value
// waits for nothing.
type turn struct {
	of   turns
	held bool
}

func (t *turn) take() {
	if t.of != nil && !t.held {
		t.of <- struct{}{}
		t.held = true
	}
}

func (t *turn) leave() {
	if t.held {
		<-t.of
		t.held = false
	}
}
