package transaction

import "sync"

const (
	shardBits = 6
	shards    = 1 << shardBits
)

// shard is a part of a Table's contexts with all that they need.
type shard struct {
	mu sync.Mutex
	machine
	index   index
	wheel   wheel
	out     Outlet
	silent  func(*Context)
	unacked func(*Context)
	failed  []*Branch
	told    int64 // the bytes that the table knows of
}

// settle carries out what the machine wants done for c, and then either keeps c
// until its next timer or lets it go.
func (s *shard) settle(c *Context) {
	for len(s.actions) > 0 {
		for i := range s.actions {
			s.do(c, &s.actions[i])
		}
		s.next()
		for _, b := range s.failed {
			s.unreachable(c, b)
		}
		clear(s.failed)
		s.failed = s.failed[:0]
	}
	if c.over() {
		s.leave(c)
		return
	}
	s.wheel.schedule(c, c.next())
}

func (s *shard) do(c *Context, a *action) {
	switch a.kind {
	case sendUpstream:
		c.credit.spend(len(a.bytes))
		s.out.Upstream(c, c.source, a.bytes, a.local)
	case answerCancel:
		c.credit.spend(len(a.bytes))
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

// leave takes c out of the table.
func (s *shard) leave(c *Context) {
	c.charged.Add(-1)
	s.index.remove(c)
	s.wheel.remove(c)
	s.let(c)
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
				s.expire(c)
			}
			s.settle(c)
		}
	}
}
