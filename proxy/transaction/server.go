package transaction

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// accept begins the server transaction of a request.
func (m *machine) accept(c *Context, key token.TxID, req *wire.Message, src flow.Flow) {
	c.key, c.source, c.method = key, src, req.Method()
	c.state = serverTrying
	c.limitAt, c.ringAt = m.now+m.timeout, never
	c.resendAt = m.now + m.late100
	if c.invite() {
		c.resendAt = never // its 100 goes with the first branch
	}
	c.template = m.buildTemplate(req, src)
	c.credit.earn(len(req.Raw))
	m.stats.Created++
	m.stats.Open++
}

// repeated handles a retransmission of the request (RFC 3261 17.2.1, 17.2.2).
func (m *machine) repeated(c *Context) {
	m.stats.Repeated++
	if c.state == serverProceeding || c.state == serverCompleted {
		m.resendLast(c)
	}
}

// abandon ends a request without an answer.
func (m *machine) abandon(c *Context) {
	m.stats.Unanswered++
	m.stats.Open--
	m.end(c)
}

// yield leaves an INVITE to another member. Where the caller has cancelled it,
// that one's answer is as good as a provisional response here: the CANCEL may go
// (RFC 3261 9.1).
func (m *machine) yield(c *Context) {
	m.stats.Yielded++
	for i := range int(c.branches) {
		switch b := c.branch(i); {
		case c.cancelled && b.state == clientCalling:
			m.proceeding(c, b, 100, nil)
		case !c.cancelled:
			m.endBranch(b)
		}
	}
	if !c.cancelled {
		m.stats.Open--
		m.end(c)
	}
}

// sayTrying sends the 100, if nothing has been sent yet and it leaves as much for
// the answer.
func (m *machine) sayTrying(c *Context) {
	if c.state == serverTrying {
		c.state, c.resendAt = serverProceeding, never
		if m.affords(c, 2*len(c.template), 2) {
			m.upstream(c.template, true)
		}
	}
}

func (m *machine) resendLast(c *Context) {
	last, local := c.last, c.local
	if last == nil {
		last, local = c.template, true
	}
	if m.affords(c, len(last), 1) {
		m.stats.Resent++
		m.upstream(last, local)
	}
}

// acknowledge takes an ACK and reports whether it is for a failure sent here.
// That to a 2xx belongs to the caller's core (RFC 6026 7.1).
func (m *machine) acknowledge(c *Context) bool {
	if c.status/100 == 2 {
		return false
	}
	if c.state == serverCompleted {
		c.state, c.resendAt = serverConfirmed, never
		c.limitAt = m.now + unless(c.source.Transport.Reliable(), m.t4)
		m.pool.release(&c.last)
		m.endIfDue(c)
	}
	return true
}

// cancel answers a CANCEL and cancels what is pending (RFC 3261 9.2, 16.10).
func (m *machine) cancel(c *Context, req *wire.Message, src flow.Flow) {
	m.toCancel(src, m.buildCancelOK(c, req, src))
	if c.cancelled || !c.open() {
		return
	}
	c.cancelled = true
	m.stats.Cancelled++
	m.keepReason(c, req)
	if c.pending() {
		m.cancelPending(c)
		return
	}
	m.finish(c, 487)
}

// answer sends a failure of the proxy's own.
func (m *machine) answer(c *Context, status int, response []byte) {
	m.final(c, status, m.pool.keep(response), true)
	m.cancelPending(c)
}

// refuse sends a failure of the proxy's own, and ends there if it is the first
// thing that is sent.
func (m *machine) refuse(c *Context, status int, response []byte) {
	if c.state != serverTrying || c.branches > 0 {
		m.answer(c, status, response)
		return
	}
	m.upstream(response, true)
	c.status = uint16(status)
	m.stats.Open--
	m.end(c)
}

// final sends a final response other than a 2xx to INVITE. It takes response,
// which is of the pool.
func (m *machine) final(c *Context, status int, response []byte, local bool) {
	m.upstream(response, local)
	m.answered(c, status, serverCompleted)
	c.last, c.local = response, local
	if c.invite() {
		c.limitAt = m.now + m.timeout // Timer H
		if !c.source.Transport.Reliable() {
			c.resendEvery = m.t1
			c.resendAt = m.now + m.t1 // Timer G
		}
		return
	}
	c.limitAt = m.now + unless(c.source.Transport.Reliable(), m.timeout) // Timer J
	m.endIfDue(c)
}

// answered notes the final response and gives up what only led to it.
func (m *machine) answered(c *Context, status int, state serverState) {
	c.status, c.state = uint16(status), state
	c.resendAt, c.ringAt = never, never
	m.stats.Open--
	m.pool.release(&c.template)
	m.pool.release(&c.last)
	m.pool.release(&c.best)
	m.pool.release(&c.challenges)
}

// serverResend fires Timer G, or sends the 100 to a non-INVITE whose time has
// come (RFC 4320 4.1).
func (m *machine) serverResend(c *Context) {
	if c.state != serverCompleted {
		m.sayTrying(c)
		return
	}
	m.resendLast(c)
	m.tell(tellUnacked)
	c.resendEvery = min(2*c.resendEvery, m.t2)
	c.resendAt = m.now + c.resendEvery
}

// serverLimit ends a state that has lasted as long as it may.
func (m *machine) serverLimit(c *Context) {
	switch {
	case c.open() && c.invite():
		m.finish(c, 408)
	case c.open():
		m.abandon(c)
		for i := range int(c.branches) {
			b := c.branch(i)
			if b.pending() && b.state != clientWaiting {
				m.stats.TimedOut++ // Timer F is over too, or nearly so
			}
			if b.pending() {
				m.endBranch(b)
			}
		}
	default:
		if c.state == serverCompleted && c.invite() {
			m.stats.Unacked++
		}
		m.end(c)
	}
}

func (m *machine) endIfDue(c *Context) {
	if c.limitAt <= m.now {
		m.end(c)
	}
}

// end ends the server transaction.
func (m *machine) end(c *Context) {
	c.state, c.resendAt, c.limitAt, c.ringAt = serverTerminated, never, never, never
	m.pool.release(&c.template)
	m.pool.release(&c.last)
	m.pool.release(&c.best)
	m.pool.release(&c.challenges)
}
