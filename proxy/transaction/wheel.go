package transaction

const (
	tickMillis = 20
	wheelSlots = 2048 // 41 s, a power of two; what is later stays for another turn
)

// wheel says which contexts have a timer due: each is in one slot, that of the
// tick in which its next timer was due when it was put there. A timer that moves
// away leaves it there to be looked at in vain once, which is cheaper than to
// move it each time.
type wheel struct {
	tick  int64 // the last one done
	slots [wheelSlots]*ResponseContext
}

// node is the place of a context in its shard.
type node struct {
	chain      *ResponseContext // next in the bucket of the index
	prev, next *ResponseContext // in the slot of the wheel
	tick       int64            // 0: in no slot
}

// schedule sees to it that c is looked at when at is due.
func (w *wheel) schedule(c *ResponseContext, at int64) {
	if at == never {
		return
	}
	tick := max((at+tickMillis-1)/tickMillis, w.tick+1)
	if c.place.tick != 0 {
		if c.place.tick <= tick {
			return
		}
		w.remove(c)
	}
	c.place.tick = tick
	slot := &w.slots[tick&(wheelSlots-1)]
	if c.place.next = *slot; *slot != nil {
		(*slot).place.prev = c
	}
	*slot = c
}

// remove takes c out of its slot.
func (w *wheel) remove(c *ResponseContext) {
	switch {
	case c.place.tick == 0:
		return
	case c.place.prev != nil:
		c.place.prev.place.next = c.place.next
	default:
		w.slots[c.place.tick&(wheelSlots-1)] = c.place.next
	}
	if c.place.next != nil {
		c.place.next.place.prev = c.place.prev
	}
	c.place.prev, c.place.next, c.place.tick = nil, nil, 0
}

// advance moves to the next tick that is over by now and returns the contexts
// of it, chained by node.prev, and false if there is none.
func (w *wheel) advance(now int64) (due *ResponseContext, ok bool) {
	to := now / tickMillis
	if w.tick >= to {
		return nil, false
	}
	w.tick = max(w.tick+1, to-wheelSlots+1) // a whole turn visits every slot
	for c := w.slots[w.tick&(wheelSlots-1)]; c != nil; {
		next := c.place.next
		if c.place.tick <= w.tick {
			w.remove(c)
			c.place.prev, due = due, c
		}
		c = next
	}
	return due, true
}

// skip moves to now; the wheel must be empty.
func (w *wheel) skip(now int64) { w.tick = max(w.tick, now/tickMillis) }
