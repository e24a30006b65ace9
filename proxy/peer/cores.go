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

// cores are the state machines of this member's partitions, each under a lock of
// its own. Whoever holds membership.mu may take a core's lock, not the other way
// round; under it only a stream's queue is locked. Ops are completed without any.
type cores struct {
	all     [cluster.Cores]core
	effects sync.Pool

	clock   *clock
	links   *links
	pace    *pace
	metrics *metrics
	handler Handler
}

func newCores(cfg *Config, incarnation uint64, links *links, pace *pace, metrics *metrics) *cores {
	cs := &cores{clock: cfg.clock, links: links, pace: pace, metrics: metrics, handler: cfg.Handler}
	cs.effects.New = func() any { return &cluster.Effects{} }
	for i := range cs.all {
		cs.all[i].m = cluster.NewCore(cluster.CoreConfig{Self: cfg.ID, Incarnation: incarnation, Index: i, Cores: cluster.Cores, Limits: cfg.Limits, Budget: cfg.Budget / cluster.Cores})
	}
	return cs
}

// close ends them: nothing is taken and nothing said any more.
func (cs *cores) close() {
	for i := range cs.all {
		cs.all[i].close()
	}
}

func (c *core) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

// of is the core of an address-of-record.
func (cs *cores) of(v *cluster.View, aor []byte) *core {
	return &cs.all[v.Partition(aor)%cluster.Cores]
}

func (cs *cores) takeEffects() *cluster.Effects {
	e, _ := cs.effects.Get().(*cluster.Effects)
	return e
}

// at is now for a step of the core, which learns of a stop that its time does
// not show; called with the core's lock held.
func (cs *cores) at(c *core) int64 {
	now := cs.clock.now()
	if stops := cs.clock.stops.Load(); stops != c.stops {
		c.stops = stops
		c.m.Stopped()
	}
	return now
}

// step runs one step of every core, in order.
func (cs *cores) step(f func(*core, *cluster.Effects)) {
	for i := range cs.all {
		c, e := &cs.all[i], cs.takeEffects()
		c.mu.Lock()
		if !c.closed {
			f(c, e)
			cs.settle(c, e)
		}
		c.mu.Unlock()
		cs.complete(e)
	}
}

// see gives every core the view.
func (cs *cores) see(v *cluster.View) {
	cs.step(func(c *core, e *cluster.Effects) {
		c.version = v.Version
		c.m.ViewChanged(cs.at(c), v, e)
	})
}

// tick lets time pass in every core.
func (cs *cores) tick() {
	cs.step(func(c *core, e *cluster.Effects) { c.m.Tick(cs.at(c), e) })
}

// message hands a message to its core, unless its stream was replaced: what an
// earlier process of the member said must not count for the later one. Under
// the core's lock the answer holds, since a newer stream is in place before any
// core learns of it.
func (cs *cores) message(c *core, from uint32, s *stream, payload []byte) {
	e := cs.takeEffects()
	c.mu.Lock()
	if cs.links.streamTo(from) == s && !c.closed {
		c.m.Message(cs.at(c), from, payload, e)
		cs.settle(c, e)
	}
	c.mu.Unlock()
	cs.complete(e)
}

// settle ends a step of a core, with its lock held.
func (cs *cores) settle(c *core, e *cluster.Effects) {
	cs.queue(c, e)
	if c.m.Busy() {
		cs.pace.stir()
	}
}

// queue puts what a step sends into the streams; called with the core's lock
// held, because the order in which a core speaks to a peer matters. A queue
// that is full breaks the stream: the peer would miss an update. A core that has
// not seen the view of a new stream speaks of the stream before, on which
// nothing arrives any more.
func (cs *cores) queue(c *core, e *cluster.Effects) {
	for _, m := range e.Sends {
		s := cs.links.streamTo(m.To)
		if s == nil || c.version < s.since.Load() {
			continue
		}
		if err := s.append(kindCluster, e.Bytes(m)); err != nil && !errors.Is(err, ErrNoStream) {
			cs.metrics.queueFull.Inc()
			s.fail(err)
		}
	}
}

// complete tells the finished ops, without any lock, and gives the effects back.
func (cs *cores) complete(e *cluster.Effects) {
	for _, op := range e.Registers {
		op.Done(op)
	}
	for _, op := range e.Lookups {
		op.Done(op)
	}
	for _, op := range e.Locates {
		op.Done(op)
	}
	for _, f := range e.Replaced {
		cs.handler.HandleReplaced(f)
	}
	if len(e.Away) > 0 {
		cs.handler.HandleAway(e.Away)
	}
	if e.Changed {
		cs.pace.progressed()
	}
	e.Reset()
	cs.effects.Put(e)
}
