package transaction

import "github.com/sipring/sipring/proxy/flow"

// Again is whoever has kept a request that Fork has sent on, to look for other targets
// if all of those are lost with their flows, before anybody has heard of the request, or
// one is while it rings. The methods are called as those of Outlet are; one of Lost,
// Stranded and Settled is, once.
type Again interface {
	// Lost: no target can be reached any more. The context waits for another Fork, or a
	// Refuse, as it did before the first one.
	Lost()
	// Rings: a target has answered, and the INVITE is open. It returns whether the request
	// is kept on, in case that the flow of a target ends that has answered provisionally.
	Rings() bool
	// Stranded: that is so, since a time. The context waits for another Fork with what
	// Untried leaves, or for Expire or Lapse.
	Stranded(since int64)
	// Settled: a target has answered, or the request needs none.
	Settled()
}

// keep takes who has kept the request, in the place of whoever had before.
func (c *ResponseContext) keep(again Again) {
	if c.again != nil {
		c.again.Settled()
	}
	c.again, c.rings, c.away = again, false, false
}

// settleAgain lets go of what is kept of a request whose targets will not be looked for
// again.
func (c *ResponseContext) settleAgain() {
	if c.again == nil || c.wanted() && (!c.heard || c.ringsOn()) {
		return
	}
	again := c.again
	c.again = nil
	again.Settled()
}

// startOver has the context wait for other targets if all are lost, connections each, and
// somebody has kept the request to look for some. It reports whether that is so.
func (c *ResponseContext) startOver(e *event) bool {
	if c.again == nil || c.heard || !c.wanted() || !c.branches.connected() {
		return false
	}
	again := c.again
	c.again, c.forked, c.best.status = nil, false, 0
	c.server.limitAt = e.now + e.timeout
	again.Lost()
	return true
}

// Lost tells that flows are over: dead says which. A branch whose request nobody has
// answered yet ends as if its target could not be reached (RFC 3261 16.9). One that rings
// waits on, for whoever rings answers over another flow, and the next of its group follows
// or Again looks for the phone. An INVITE that came
// over a dead flow goes on for Timers.Gone. It looks at all that the table holds, so
// whoever calls it bounds how often. dead is called with locks held, and must not call
// the table.
func (t *Table) Lost(now int64, dead func(flow.Flow) bool) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		held := s.held
		for _, c := range s.losing(dead) {
			s.begin(now)
			c.lose(&s.event, dead)
			s.settle(c)
		}
		t.count.Add(int64(s.held - held))
		t.tell(s)
		s.mu.Unlock()
	}
}

// losing are the contexts that have a branch to a dead flow, or came over one.
func (s *shard) losing(dead func(flow.Flow) bool) (list []*ResponseContext) {
	for _, c := range s.index.buckets {
		for ; c != nil; c = c.place.chain {
			if c.orphaned(dead) {
				list = append(list, c)
				continue
			}
			for i := range int(c.branches.count) {
				if b := c.branches.at(i); b.lost(dead) || b.cutOff(dead) {
					list = append(list, c)
					break
				}
			}
		}
	}
	return list
}

// lose ends the branches to dead flows: those first that were not tried yet, lest they
// are now.
func (c *ResponseContext) lose(e *event, dead func(flow.Flow) bool) {
	if c.orphaned(dead) {
		c.goneAt = e.now + e.gone
	}
	for _, state := range [...]clientState{clientWaiting, clientCalling} {
		for i := range int(c.branches.count) {
			if b := c.branches.at(i); b.state == state && b.lost(dead) {
				c.unreachable(e, b)
			}
		}
	}
	for i := range int(c.branches.count) {
		if b := c.branches.at(i); b.cutOff(dead) {
			c.strand(e, b)
		}
	}
}

// orphaned reports whether an INVITE without a final response has come over a flow that is
// dead, which is not known yet.
func (c *ResponseContext) orphaned(dead func(flow.Flow) bool) bool {
	return c.goneAt == never && c.invite() && c.open() && c.server.source.Conn != 0 && dead(c.server.source)
}

// lost reports whether nothing has come of the branch, and its flow is dead.
func (b *Branch) lost(dead func(flow.Flow) bool) bool {
	f := b.target.Flow
	return b.state <= clientCalling && !b.gone && f.IsHeld() && dead(f)
}
