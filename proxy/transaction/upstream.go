package transaction

import "github.com/sipring/sipring/proxy/wire"

// elsewhere tells the branches that another one has answered (RFC 3326 2), so
// that their phones do not show a missed call.
var elsewhere = []byte("Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n")

// fork starts a branch for each target.
func (m *machine) fork(c *Context, targets []Target) {
	c.forked = true
	if c.invite() {
		c.limitAt = never // the branches end in time, each of them
		m.sayTrying(c)
	}
	for i := range targets {
		if c.branches >= MaxBranches || c.find(targets[i].Branch) != nil {
			continue
		}
		b := &c.first
		if c.branches > 0 {
			b = m.takeBranch()
			c.rest = append(c.rest, b)
		}
		c.branches++
		m.add(c, b, &targets[i])
	}
	if !c.pending() {
		m.finish(c, 480)
	}
}

// provisional sends a provisional response upstream (RFC 3261 16.7 step 5). A
// non-INVITE gets none (RFC 4320 4.1).
func (m *machine) provisional(c *Context, status int, response []byte) {
	if !c.invite() || !c.open() {
		return
	}
	if status == 100 {
		m.sayTrying(c)
		return
	}
	c.state, c.resendAt = serverProceeding, never
	if c.ringAt == never {
		c.ringAt = m.now + m.ring
	}
	m.replace(&c.last, response)
	c.local = false
	m.upstream(c.last, false)
}

// rungOut ends an INVITE that has rung as long as it may. The caller is told at
// once: what rings so long may not answer its CANCEL either.
func (m *machine) rungOut(c *Context) {
	m.stats.RungOut++
	m.local(c, 408)
	m.cancelPending(c)
}

// success sends a 2xx to INVITE upstream, at once and whatever was sent before
// (RFC 3261 16.7 step 5).
func (m *machine) success(c *Context, status int, response []byte) {
	m.upstream(response, false)
	if !c.open() {
		if c.status/100 != 2 {
			m.stats.LateSuccesses++
		}
		return
	}
	m.answered(c, status, serverAccepted)
	c.limitAt = m.now + m.timeout // Timer L
	if !c.pending() {
		return
	}
	if c.reason == nil {
		c.reason = m.pool.keep(elsewhere)
	}
	m.cancelPending(c)
}

// concluded handles the final response of a branch, except for a 2xx to INVITE.
// resp and forward are nil if it is not one from the network.
func (m *machine) concluded(c *Context, status int, resp *wire.Message, forward []byte) {
	if !c.open() {
		return
	}
	if status < 300 {
		m.final(c, status, m.pool.keep(forward), false)
		return
	}
	if status == 430 { // between proxies: a phone should never see it (RFC 5626 11.6)
		status, resp, forward = 480, nil, nil
	}
	m.consider(c, status, resp, forward)
	if status >= 600 {
		c.closed = true
		m.cancelPending(c)
	}
	if c.forked && !c.pending() {
		m.finish(c, 480)
	}
}

// finish sends the best response (RFC 3261 16.7 step 6), or one made here with
// status otherwise if there is none.
func (m *machine) finish(c *Context, otherwise int) {
	status := int(c.bestStatus)
	if status == 0 {
		status = otherwise
	}
	switch {
	case status == 408 && !c.invite():
		// RFC 4320 4.2: silence, until the caller has given up.
	case status == 503 && c.best == nil:
		m.local(c, 480) // no branch could be sent (RFC 3261 16.9): that is the callee's state, not this proxy's
	case status == 503:
		m.local(c, 500) // RFC 3261 16.7 step 6: a 503 would be about this proxy
	case c.best == nil:
		m.local(c, status)
	default:
		m.final(c, status, m.buildBest(c), false)
	}
}

// local answers with a response made here.
func (m *machine) local(c *Context, status int) {
	m.final(c, status, m.buildLocal(c, status), true)
}
