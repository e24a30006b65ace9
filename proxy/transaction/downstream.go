package transaction

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// elsewhere tells the branches that another one has answered (RFC 3326 2), so
// that their phones do not show a missed call.
var elsewhere = []byte("Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n")

// fork starts a branch for each target.
func (c *ResponseContext) fork(e *event, s *stock, targets []Target) {
	c.forked = true
	if c.invite() {
		c.server.leaveToBranches()
		c.server.sayTrying(e)
	}
	for i := range targets { // those first that a phone may have already
		if b := c.branches.find(targets[i].Branch); b != nil && b.stranded() {
			b.become(e, clientTerminated)
			c.begin(e, b, &targets[i])
			b.rang = true
		}
	}
	for i := range targets {
		b := c.branches.find(targets[i].Branch)
		switch {
		case b != nil && !b.gone || b == nil && c.branches.count >= MaxBranches:
			continue
		case b == nil:
			b = c.branches.add(s)
		}
		old := c.branches.toReplace(targets[i].Group)
		if c.begin(e, b, &targets[i]); old != nil {
			c.put(b, old)
		}
	}
	c.holdLast(e)
	if !c.branches.pending() {
		c.finish(e, 480)
	}
}

// begin makes the branch of a target, and starts it unless another of its group is being
// tried, or it is for when nobody else has taken the call.
func (c *ResponseContext) begin(e *event, b *Branch, t *Target) {
	b.wait(e, t, c.server.method)
	if !c.branches.trying(b) && (!b.target.Last || !c.branches.pendingBefore()) {
		b.start(e)
	}
}

// cancel answers a CANCEL and cancels what is pending (RFC 3261 9.2, 16.10). One that came
// by way of another member is answered where the request came from.
func (c *ResponseContext) cancel(e *event, req *wire.Message, src flow.Flow) {
	if src == (flow.Flow{}) {
		src = c.server.source
	}
	e.toCancel(src, e.buildCancelOK(c.key, req, src))
	if c.cancelled || !c.open() {
		return
	}
	c.cancelled = true
	e.stats.Cancelled++
	e.keepReason(&c.reason, req)
	if !c.branches.pending() {
		c.finish(e, 487)
		return
	}
	if c.cancelPending(e); !c.branches.pending() { // no way leads to those that there were
		c.concluded(e, 487, nil, nil)
	}
}

// cancelPending cancels all branches of an INVITE that have had no final
// response (RFC 3261 16.7 step 10).
func (c *ResponseContext) cancelPending(e *event) {
	for i := range int(c.branches.count) {
		switch b := c.branches.at(i); {
		case b.state == clientWaiting || b.stranded():
			b.become(e, clientTerminated)
		case c.invite():
			b.cancelOrWait(e, c.reason)
		}
	}
}

// cancelWanted sends the CANCEL that has waited for a provisional response.
func (c *ResponseContext) cancelWanted(e *event, b *Branch) {
	if b.cancel == cancelWanted {
		b.sendCancel(e, c.reason)
	}
}

// clientLimit ends a state of a client transaction that has lasted as long as it
// may.
func (c *ResponseContext) clientLimit(e *event, b *Branch) {
	switch b.limit(e) {
	case unanswered:
		c.lost(e, b, 408, true)
	case givenUp:
		c.lost(e, b, 408, false)
	}
}

// unreachable handles a transport error (RFC 3261 16.9).
func (c *ResponseContext) unreachable(e *event, b *Branch) {
	switch {
	case b.state == clientWaiting: // it is not worth a try
		b.become(e, clientTerminated)
	case b.stranded(): // that is known
	case b.rang && b.state == clientCalling && c.maySeek():
		b.gone, b.strandedAt = true, e.now
	case b.pending():
		e.stats.Unreachable++
		b.become(e, clientTerminated)
		b.gone = true
		c.lost(e, b, 503, true)
	case b.state == clientCompleted:
		b.become(e, clientTerminated)
	}
}

// lost ends the wait for a branch that will not answer, as if it had answered
// with status. After a CANCEL it did what was asked of it. failed: its flow may be
// why.
func (c *ResponseContext) lost(e *event, b *Branch, status int, failed bool) {
	b.status = uint16(status)
	if c.succeed(e, b, failed) {
		return
	}
	if c.cancelled {
		status = 487
	}
	c.concluded(e, status, nil, nil)
}
