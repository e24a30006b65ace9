package transaction

import (
	"math"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
)

// A phone that rings loses its connection, as that of every phone of a member that dies.
// Its branch is stranded: it takes what the phone answers over another connection, and
// nothing reaches the phone until it has another flow. That is the next of its group, if
// there is one (RFC 5626 5.3), or one that whoever has kept the request finds. To a target
// of the same name the INVITE is sent again in the same branch, which is a retransmission
// to a phone that has it (RFC 3261 17.2.1). To another it goes in a branch of its own, which
// the phone merges (RFC 3261 8.2.2.2): then the first branch goes on over the new flow.

// stranded reports whether the branch waits for its phone.
func (b *Branch) stranded() bool { return b.gone && b.pending() }

// cutOff reports whether the branch has been answered provisionally over a flow that is
// dead, which is not known yet.
func (b *Branch) cutOff(dead func(flow.Flow) bool) bool {
	return b.invite() && b.state == clientProceeding && !b.gone && b.cancel == cancelNone &&
		b.target.Flow.Conn != 0 && dead(b.target.Flow)
}

// wanted reports whether other targets may still follow.
func (c *ResponseContext) wanted() bool { return c.open() && !c.cancelled && !c.closed }

// maySeek reports whether somebody looks for new flows of phones, or would.
func (c *ResponseContext) maySeek() bool {
	return c.wanted() && (c.away || c.again != nil && c.heard && c.ringsOn())
}

// strand takes the end of the flow of a branch that rings. If nobody can look for another
// one the branch goes on, as the phone may still answer by itself.
func (c *ResponseContext) strand(e *event, b *Branch) {
	next := c.branches.waiting(b.target.Group)
	if !c.wanted() || next == nil && !c.maySeek() {
		return
	}
	b.gone = true
	if old := c.insteadOf(b); old != nil { // the phone has not said that it has the one or the other
		b.become(e, clientTerminated)
		b, old.replaced = old, false
	}
	b.strandedAt = e.now
	if next != nil {
		c.put(next, b)
		next.start(e)
	}
}

// put has a branch take the place of a stranded one.
func (c *ResponseContext) put(b, old *Branch) {
	for i := range int(c.branches.count) {
		if c.branches.at(i) == old {
			b.instead, old.replaced = uint16(i+1), true
		}
	}
}

// insteadOf returns the stranded branch that b is in the place of, nil if there is none.
func (c *ResponseContext) insteadOf(b *Branch) *Branch {
	if b.instead == 0 {
		return nil
	}
	if old := c.branches.at(int(b.instead - 1)); old.stranded() {
		return old
	}
	return nil
}

// rangInstead ends the branch that b was in the place of, as b rings: the phone has begun
// anew.
func (c *ResponseContext) rangInstead(e *event, b *Branch) {
	if old := c.insteadOf(b); old != nil {
		old.become(e, clientTerminated)
	}
}

// merged takes a 482 to b, and reports whether it says that the phone has the request by
// the branch that b is in the place of (RFC 3261 8.2.2.2), which is reached by b's flow.
func (c *ResponseContext) merged(b *Branch) bool {
	old := c.insteadOf(b)
	if old == nil || !c.wanted() {
		return false
	}
	old.gone, old.replaced, old.target.Flow = false, false, b.target.Flow
	return true
}

// endInstead is called when b has failed, or its phone has refused, and reports whether
// the branch that it was in the place of waits on.
func (c *ResponseContext) endInstead(e *event, b *Branch, failed bool) bool {
	old := c.insteadOf(b)
	switch {
	case old == nil:
		return false
	case failed && c.maySeek():
		old.replaced = false
		return true
	}
	old.become(e, clientTerminated)
	return false
}

// seekAgain has whoever has kept the request look for the phones of stranded branches.
func (c *ResponseContext) seekAgain() {
	if c.again == nil || !c.maySeek() {
		return
	}
	since := c.branches.soughtSince(math.MinInt64)
	if since == never {
		return
	}
	again := c.again
	c.again, c.away = nil, true
	again.Stranded(since)
}

// ringsOn reports whether the request is kept on though somebody has answered it.
func (c *ResponseContext) ringsOn() bool {
	if !c.invite() {
		return false
	}
	c.rings = c.rings || c.again.Rings()
	return c.rings
}

// waiting returns the next of a group that was not tried yet, nil if there is none.
func (l *branches) waiting(group uint64) *Branch {
	for i := range int(l.count) {
		if b := l.at(i); group != 0 && b.target.Group == group && b.state == clientWaiting {
			return b
		}
	}
	return nil
}

// toSeek returns a stranded branch in whose place there is no other, nil if there is none.
func (l *branches) toSeek() *Branch {
	for i := range int(l.count) {
		if b := l.at(i); b.stranded() && !b.replaced {
			return b
		}
	}
	return nil
}

// soughtSince is when the first of those was stranded that toSeek is of, of those that were
// after a time; never, if none was.
func (l *branches) soughtSince(after int64) int64 {
	since := int64(never)
	for i := range int(l.count) {
		if b := l.at(i); b.stranded() && !b.replaced && b.strandedAt > after {
			since = min(since, b.strandedAt)
		}
	}
	return since
}

// toReplace is toSeek of a group.
func (l *branches) toReplace(group uint64) *Branch {
	for i := range int(l.count) {
		if b := l.at(i); b.stranded() && !b.replaced && b.target.Group == group {
			return b
		}
	}
	return nil
}

// Untried leaves those targets in list, in place, whose branches the context under the key
// has not, or has lost with their flows.
func (t *Table) Untried(now int64, key token.TxID, list []Target) []Target {
	s, c := t.lock(now, key)
	rest := list[:0]
	for i := range list {
		if c == nil {
			break
		}
		if b := c.branches.find(list[i].Branch); b == nil || b.gone {
			rest = append(rest, list[i])
		}
	}
	t.unlock(s, c)
	return rest
}

// Seeks reports whether the context under the key waits for new flows: Stranded was called
// for it.
func (t *Table) Seeks(key token.TxID) bool {
	s := &t.shards[hashKey(key)&(shards-1)]
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.index.get(key)
	return c != nil && c.away && c.wanted() && c.branches.toSeek() != nil
}

// Expire is Lapse of the branches that wait since a time, or for longer, where others do that
// wait since: whoever looks for those goes on. It returns since when, and false if there are no
// others; then it has done nothing.
func (t *Table) Expire(now int64, key token.TxID, upTo int64) (since int64, others bool) {
	s, c := t.lock(now, key)
	if c != nil && c.away && c.wanted() {
		if at := c.branches.soughtSince(upTo); at != never {
			since, others = at, true
		}
	}
	for i := 0; others && i < int(c.branches.count); i++ {
		if b := c.branches.at(i); b.stranded() && !b.replaced && b.strandedAt <= upTo {
			b.become(&s.event, clientTerminated)
			c.lost(&s.event, b, 503, false)
		}
	}
	t.unlock(s, c)
	return since, others
}

// Lapse ends the branches that wait for new flows, as nobody has come back: their targets
// cannot be reached (RFC 3261 16.9). Whoever looked for them keeps the request on for what else
// rings. If it returns false, which is so if nothing does, again is not called.
func (t *Table) Lapse(now int64, key token.TxID, again Again) bool {
	s, c := t.lock(now, key)
	if c != nil {
		c.away = false
		for b := c.branches.toSeek(); b != nil; b = c.branches.toSeek() {
			b.become(&s.event, clientTerminated)
			c.lost(&s.event, b, 503, false)
		}
	}
	ok := c != nil && c.wanted()
	if ok {
		c.keep(again)
	}
	t.unlock(s, c)
	return ok
}
