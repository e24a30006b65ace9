package transaction

import "github.com/sipring/sipring/proxy/wire"

// add makes the branch of a target, and starts it unless another of its group is
// being tried.
func (m *machine) add(c *Context, b *Branch, t *Target) {
	*b = Branch{target: *t, request: m.pool.keep(t.Bytes), state: clientWaiting}
	b.target.Bytes = nil
	b.stop()
	if !c.trying(b) {
		m.start(c, b)
	}
}

// start begins the client transaction of a branch (RFC 3261 17.1.1.2, 17.1.2.2).
func (m *machine) start(c *Context, b *Branch) {
	m.await(c, b)
	m.resendFrom(b)
	m.downstream(b, b.request)
}

// await begins to wait for a response.
func (m *machine) await(c *Context, b *Branch) {
	b.state = clientCalling
	b.limitAt = m.now + m.timeout // Timers B, F
	if c.invite() {
		b.timerC = m.now + m.c
	}
}

// resendFrom starts Timer A or E.
func (m *machine) resendFrom(b *Branch) {
	if !b.target.reliable() {
		b.resendEvery = m.t1
		b.resendAt = m.now + m.t1
	}
}

// response handles a response from a branch.
func (m *machine) response(c *Context, b *Branch, resp *wire.Message, forward []byte) {
	method, status := resp.CSeqMethod(), resp.StatusCode()
	if b.state == clientWaiting { // another member has tried it
		m.await(c, b)
	}
	c.heard = c.heard || method == c.method
	switch {
	case method == wire.MethodCancel && c.invite():
		if status >= 200 && b.cancel == cancelSent {
			b.cancel, b.resendAt = cancelAnswered, never
		}
	case method != c.method: // RFC 3261 17.1.3
	case c.invite() && status/100 == 2:
		m.accepted(c, b, status, forward)
	case status >= 200:
		m.completed(c, b, resp, forward)
	case b.pending():
		m.proceeding(c, b, status, forward)
	}
}

// proceeding takes a provisional response.
func (m *machine) proceeding(c *Context, b *Branch, status int, forward []byte) {
	b.status = uint16(status)
	first := b.state == clientCalling
	b.state = clientProceeding
	if !c.invite() {
		return // RFC 4320 4.1: nothing but 100 may go upstream
	}
	if first {
		b.resendAt, b.limitAt = never, never
	}
	if status > 100 && b.cancel == cancelNone {
		b.timerC = m.now + m.c
	}
	if b.cancel == cancelWanted {
		m.sendCancel(c, b)
	}
	if status > 100 {
		m.provisional(c, status, forward)
	}
}

// accepted takes a 2xx to INVITE (RFC 6026 7.2).
func (m *machine) accepted(c *Context, b *Branch, status int, forward []byte) {
	if b.pending() {
		m.pool.release(&b.request)
		b.stop()
		b.status, b.state, b.limitAt = uint16(status), clientAccepted, m.now+m.timeout // Timer M
	}
	m.success(c, status, forward)
}

// completed takes a final response, other than a 2xx to INVITE.
func (m *machine) completed(c *Context, b *Branch, resp *wire.Message, forward []byte) {
	if !b.pending() {
		if c.invite() && b.state == clientCompleted {
			m.stats.Resent++
			m.downstream(b, b.request) // the ACK
		}
		return
	}
	b.status, b.state = uint16(resp.StatusCode()), clientCompleted
	b.stop()
	if c.invite() {
		ack := m.buildAck(b, resp)
		m.pool.release(&b.request)
		b.request = ack
		m.downstream(b, ack)
		b.limitAt = m.now + unless(b.target.reliable(), m.d) // Timer D
	} else {
		m.pool.release(&b.request)
		b.limitAt = m.now + unless(b.target.reliable(), m.t4) // Timer K
	}
	if b.limitAt <= m.now {
		m.endBranch(b)
	}
	if m.succeed(c, b, flowFailed(resp.StatusCode())) {
		return
	}
	m.concluded(c, resp.StatusCode(), resp, forward)
}

// clientResend fires Timer A or E (RFC 3261 17.1.1.2, 17.1.2.2), or E of the
// CANCEL.
func (m *machine) clientResend(c *Context, b *Branch) {
	m.stats.Resent++
	switch {
	case b.cancel == cancelSent:
		m.downstream(b, m.buildCancel(c, b))
		b.resendEvery = min(2*b.resendEvery, m.t2)
	case c.invite():
		m.downstream(b, b.request)
		b.resendEvery *= 2
	case b.state == clientProceeding:
		m.downstream(b, b.request)
		b.resendEvery = m.t2
	default:
		m.downstream(b, b.request)
		b.resendEvery = min(2*b.resendEvery, m.t2)
	}
	b.resendAt = m.now + b.resendEvery
}

// clientLimit fires Timer B, D, F, K or M, or gives up a branch that was
// cancelled and has not answered the INVITE (RFC 3261 9.1).
func (m *machine) clientLimit(c *Context, b *Branch) {
	silent, givenUp := b.pending(), b.cancel >= cancelSent
	m.endBranch(b)
	if silent {
		if !givenUp { // Timer C has counted it, or nobody waits for it
			m.stats.TimedOut++
		}
		m.lost(c, b, 408, !givenUp)
	}
}

// ringTimeout fires Timer C (RFC 3261 16.8).
func (m *machine) ringTimeout(c *Context, b *Branch) {
	b.timerC = never
	if b.state == clientCalling {
		b.limitAt = m.now // as if Timer B had fired
		return
	}
	m.stats.TimedOut++
	m.sendCancel(c, b)
}

// unreachable handles a transport error (RFC 3261 16.9).
func (m *machine) unreachable(c *Context, b *Branch) {
	switch {
	case b.state == clientWaiting: // it is not worth a try
		m.endBranch(b)
	case b.pending():
		m.stats.Unreachable++
		m.endBranch(b)
		m.lost(c, b, 503, true)
	case b.state == clientCompleted:
		m.endBranch(b)
	}
}

// lost ends the wait for a branch that will not answer, as if it had answered
// with status. After a CANCEL it did what was asked of it. failed: its flow may be
// why.
func (m *machine) lost(c *Context, b *Branch, status int, failed bool) {
	b.status = uint16(status)
	if m.succeed(c, b, failed) {
		return
	}
	if c.cancelled {
		status = 487
	}
	m.concluded(c, status, nil, nil)
}

// endBranch ends a client transaction.
func (m *machine) endBranch(b *Branch) {
	b.state = clientTerminated
	b.stop()
	m.pool.release(&b.request)
}

// cancelPending cancels all branches of an INVITE that have had no final
// response (RFC 3261 16.7 step 10).
func (m *machine) cancelPending(c *Context) {
	for i := range int(c.branches) {
		b := c.branch(i)
		switch {
		case b.state == clientWaiting:
			m.endBranch(b)
		case !c.invite():
		case b.cancel != cancelNone:
		case b.state == clientCalling:
			b.cancel = cancelWanted
		case b.state == clientProceeding:
			m.sendCancel(c, b)
		}
	}
}

// sendCancel sends a CANCEL to a branch that has answered provisionally, and
// bounds the time it has for a final response (RFC 3261 9.1).
func (m *machine) sendCancel(c *Context, b *Branch) {
	b.cancel, b.timerC = cancelSent, never
	b.limitAt = m.now + m.timeout
	m.resendFrom(b)
	m.downstream(b, m.buildCancel(c, b))
}
