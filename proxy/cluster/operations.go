package cluster

// operations are the ops under way: requests and orders.
type operations struct {
	partitions *partitions

	ops      ops
	requests requests
	orders   orders
}

// pending is how many there are.
func (s *operations) pending() int { return s.ops.used }

// reconsider looks at every op under a new view, or once this member is sure of the one it has.
func (s *operations) reconsider(e *Effects) {
	s.ops.each(func(o *op) { s.look(o, 0, e) })
}

// announced looks at every op after a member has announced what it has: full is all there is, on a new stream; dropped are
// the partitions of which it has nothing any more.
func (s *operations) announced(id uint32, full bool, dropped []bool, e *Effects) {
	again := uint32(0)
	if full {
		again = id
	}
	s.ops.each(func(o *op) {
		if o.kind == opWrite && (dropped[o.local] || full && s.partitions.at(o.local).holdingOf(id) == none) {
			o.dropCopy(id)
		}
		s.look(o, again, e)
	})
}

// look looks at an op after something changed. What was sent to the member again before may be lost.
func (s *operations) look(o *op, again uint32, e *Effects) {
	if o.kind == opWrite {
		s.orders.retarget(o, again, e)
	} else {
		s.requests.reconsider(o, again, e)
	}
}

// forgetCopies counts nothing as stored at a member that has begun anew.
func (s *operations) forgetCopies(id uint32) {
	s.ops.each(func(o *op) {
		if c := o.copyOf(id); c != nil {
			c.stored = false
		}
	})
}

// tick fails what took too long, and hedges slow reads.
func (s *operations) tick(e *Effects) {
	s.ops.each(func(o *op) {
		if o.kind == opWrite {
			s.orders.expire(o, e)
		} else {
			s.requests.expire(o, e)
		}
	})
}
