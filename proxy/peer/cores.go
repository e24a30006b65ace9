package peer

import (
	"errors"
	"sync"

	"github.com/sipring/sipring/proxy/cluster"
)

// core is one state machine and its lock, on cache lines of its own.
type core struct {
	mu      sync.Mutex
	m       *cluster.Core
	version uint64 // of the view that it has
	stops   uint64 // of the clock, that it knows of
	closed  bool   // takes and says nothing any more
	_       [64]byte
}

func (c *core) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

func (n *Node) coreOf(v *cluster.View, aor []byte) *core {
	return &n.cores[v.Partition(aor)%cluster.Cores]
}

func (n *Node) takeEffects() *cluster.Effects {
	e, _ := n.effects.Get().(*cluster.Effects)
	return e
}

// step runs one step of every core, in order.
func (n *Node) step(f func(*core, *cluster.Effects)) {
	for i := range n.cores {
		c, e := &n.cores[i], n.takeEffects()
		c.mu.Lock()
		if !c.closed {
			f(c, e)
			n.settle(c, e)
		}
		c.mu.Unlock()
		n.complete(e)
	}
}

// settle ends a step of a core, with its lock held.
func (n *Node) settle(c *core, e *cluster.Effects) {
	n.queue(c, e)
	if c.m.Busy() {
		n.stir()
	}
}

// queue puts what a step sends into the streams; called with the core's lock
// held, because the order in which a core speaks to a peer matters. A queue
// that is full breaks the stream: the peer would miss an update. A core that has
// not seen the view of a new stream speaks of the stream before, on which
// nothing arrives any more.
func (n *Node) queue(c *core, e *cluster.Effects) {
	for _, m := range e.Sends {
		s := n.streamTo(m.To)
		if s == nil || c.version < s.since.Load() {
			continue
		}
		if err := s.append(kindCluster, e.Bytes(m)); err != nil && !errors.Is(err, ErrNoStream) {
			n.counters.queueFull.Add(1)
			s.fail(err)
		}
	}
}

// complete tells the finished ops, without any lock, and gives the effects back.
func (n *Node) complete(e *cluster.Effects) {
	for _, op := range e.Registers {
		op.Done(op)
	}
	for _, op := range e.Lookups {
		op.Done(op)
	}
	for _, op := range e.Locates {
		op.Done(op)
	}
	if e.Changed {
		n.signalProgress()
	}
	e.Reset()
	n.effects.Put(e)
}
