package transaction

import "sync"

const (
	shardBits = 6
	shards    = 1 << shardBits
)

// shard is a part of a Table's contexts with all that they need. What each Tick
// looks at stands together at its beginning, in few cache lines.
type shard struct {
	mu   sync.Mutex
	told int64 // the bytes that the table knows of
	stock
	event
	index   index
	wheel   wheel
	out     Outlet
	silent  func(*ResponseContext)
	unacked func(*ResponseContext)
	failed  []*Branch
}

// settle carries out what the event wants done for c, and then either keeps c
// until its next timer or lets it go.
func (s *shard) settle(c *ResponseContext) {
	for len(s.actions) > 0 {
		for i := range s.actions {
			s.do(c, &s.actions[i])
		}
		s.next()
		for _, b := range s.failed {
			c.unreachable(&s.event, b)
		}
		clear(s.failed)
		s.failed = s.failed[:0]
	}
	c.settleAgain()
	c.seekAgain()
	if c.over() {
		s.leave(c)
		return
	}
	s.pool.flush()
	s.charge(c)
	s.wheel.schedule(c, c.next())
}

// charge charges the source of c with the bytes that c holds more than before the
// event. Nothing else was given or took any meanwhile.
func (s *shard) charge(c *ResponseContext) {
	if change := s.pool.bytes - s.before; change != 0 {
		c.charged.bytes.Add(change)
	}
}

func (s *shard) do(c *ResponseContext, a *action) {
	switch a.kind {
	case sendUpstream:
		c.server.credit.spend(len(a.bytes))
		s.out.Upstream(c, c.server.source, a.bytes, a.local)
	case answerCancel:
		c.server.credit.spend(len(a.bytes))
		s.out.Upstream(c, s.cancelSource, a.bytes, true)
	case sendDownstream:
		if !s.out.Downstream(c, a.branch, a.bytes) {
			s.failed = append(s.failed, a.branch)
		}
	case tellSilent:
		if s.silent != nil {
			s.silent(c)
		}
	case tellUnacked:
		if s.unacked != nil {
			s.unacked(c)
		}
	}
}

// leave takes c, which is over, out of the table.
func (s *shard) leave(c *ResponseContext) {
	c.charged.contexts.Add(-1)
	s.index.remove(c)
	s.wheel.remove(c)
	s.pool.release(&c.reason)
	s.pool.flush()
	s.charge(c)
	s.dropContext(c)
}

// advance fires the timers that are due, and returns how many contexts left. The
// lock is held.
func (s *shard) advance(now int64) (left int) {
	held := s.held
	if held == 0 {
		s.wheel.skip(now)
		return 0
	}
	for {
		due, ok := s.wheel.advance(now)
		if !ok {
			return held - s.held
		}
		for due != nil {
			c := due
			due, c.place.prev = c.place.prev, nil
			if s.begin(now); c.next() <= now {
				c.expire(&s.event)
			}
			s.settle(c)
		}
	}
}
