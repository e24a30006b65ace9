package transaction

import "github.com/sipring/sipring/proxy/wire"

// response handles a response from a branch (RFC 3261 16.7).
func (c *ResponseContext) response(e *event, b *Branch, resp *wire.Message, forward []byte) {
	status := resp.StatusCode()
	c.heard = c.heard || resp.CSeqMethod() == c.server.method
	switch b.receive(e, resp) {
	case provisional:
		if status > 100 {
			c.rangInstead(e, b)
		}
		c.cancelWanted(e, b)
		c.provisional(e, status, forward)
	case success:
		c.success(e, status, forward)
	case final:
		if status == 482 && c.merged(b) || c.succeed(e, b, flowFailed(status)) {
			return
		}
		if status == 487 && c.passedOn && !b.target.Last && !c.cancelled { // to our CANCEL: it has not answered
			status, resp, forward = 408, nil, nil
		}
		c.concluded(e, status, resp, forward)
	}
}

// provisional sends a provisional response to INVITE upstream (RFC 3261 16.7 step
// 5), but for a 100.
func (c *ResponseContext) provisional(e *event, status int, response []byte) {
	if status == 100 || !c.open() {
		return
	}
	if c.ringAt == never {
		c.ringAt = e.now + e.ring
		c.first(e, status)
	}
	c.server.provisional(e, response, false)
}

// success sends a 2xx to INVITE upstream, at once and whatever was sent before
// (RFC 3261 16.7 step 5).
func (c *ResponseContext) success(e *event, status int, response []byte) {
	e.upstream(response, false)
	if !c.open() {
		if c.server.status/100 != 2 {
			e.stats.LateSuccesses++
		}
		return
	}
	c.answered(e, status)
	c.server.success(e, status)
	if !c.branches.pending() {
		return
	}
	if c.reason == nil {
		c.reason = e.pool.keep(elsewhere)
	}
	c.cancelPending(e)
}

// concluded handles the final response of a branch, except for a 2xx to INVITE.
// resp and forward are nil if it is not one from the network.
func (c *ResponseContext) concluded(e *event, status int, resp *wire.Message, forward []byte) {
	if !c.open() {
		return
	}
	if status < 300 {
		c.final(e, status, e.pool.keep(forward), false)
		return
	}
	if status == 430 { // between proxies: a phone should never see it (RFC 5626 11.6)
		status, resp, forward = 480, nil, nil
	}
	c.best.consider(e, status, resp, forward)
	if status >= 600 {
		c.closed = true
		c.cancelPending(e)
	}
	if c.forked && !c.passOn(e) && !c.branches.pending() {
		c.finish(e, 480)
	}
}

// finish sends the best response (RFC 3261 16.7 step 6), or one made here with
// status otherwise if there is none.
func (c *ResponseContext) finish(e *event, otherwise int) {
	status := int(c.best.status)
	if status == 0 {
		status = otherwise
	}
	switch {
	case status == 408 && !c.invite():
		// RFC 4320 4.2: silence, until the caller has given up.
	case status == 503 && c.best.response == nil && c.startOver(e):
	case status == 503 && c.best.response == nil:
		c.local(e, 480) // no branch could be sent (RFC 3261 16.9): that is the callee's state, not this proxy's
	case status == 503:
		c.local(e, 500) // RFC 3261 16.7 step 6: a 503 would be about this proxy
	case c.best.response == nil:
		c.local(e, status)
	default:
		c.final(e, status, c.best.take(e), false)
	}
}

// local answers with a response made here.
func (c *ResponseContext) local(e *event, status int) {
	c.final(e, status, e.buildLocal(c.server.template, c.key, status), true)
}

// answer sends a failure of the proxy's own.
func (c *ResponseContext) answer(e *event, status int, response []byte) {
	c.final(e, status, e.pool.keep(response), true)
	c.cancelPending(e)
}

// refuse sends a failure of the proxy's own, and ends there if it is the first
// thing that is sent.
func (c *ResponseContext) refuse(e *event, status int, response []byte) {
	if c.server.state != serverTrying || c.branches.count > 0 {
		c.answer(e, status, response)
		return
	}
	c.answered(e, status)
	c.server.refuse(e, status, response)
}

// final sends a final response other than a 2xx to INVITE. It takes response,
// which is of the pool.
func (c *ResponseContext) final(e *event, status int, response []byte, local bool) {
	c.answered(e, status)
	c.server.final(e, status, response, local)
}

// answered gives up what only led to the final response, which is about to be
// sent.
func (c *ResponseContext) answered(e *event, status int) {
	c.first(e, status)
	c.ringAt, c.goneAt, c.lastAt = never, never, never
	c.best.drop(e)
}
