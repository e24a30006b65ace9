package transaction

import "github.com/sipring/sipring/proxy/flow"

// machine drives contexts: it holds what all those of a shard share. Each event
// is a call of begin, then of one of the methods that say what happened; what
// is to be done about it is in its outbox then.
//
// A client transaction is in client.go, the server transaction in server.go, and
// the response context that joins them in upstream.go.
type machine struct {
	intervals
	outbox
	messages
	stock
	now    int64
	proven func(flow.Flow) bool // Options.Proven
	stats  Stats
}

// begin starts an event at a time.
func (m *machine) begin(now int64) {
	m.now = now
	m.next()
}

// next forgets what was to be done, and lets its bytes be used again.
func (m *machine) next() {
	m.empty()
	m.forget()
}

// expire fires the timers of c that are due.
func (m *machine) expire(c *Context) {
	if c.ringAt <= m.now {
		m.rungOut(c)
	}
	if c.limitAt <= m.now {
		m.serverLimit(c)
	}
	if c.resendAt <= m.now {
		m.serverResend(c)
	}
	silent := false
	for i := range int(c.branches) {
		b := c.branch(i)
		if b.timerC <= m.now {
			m.ringTimeout(c, b)
		}
		if b.limitAt <= m.now {
			m.clientLimit(c, b)
		}
		if b.resendAt <= m.now {
			silent = silent || b.state == clientCalling
			m.clientResend(c, b)
		}
	}
	if silent && c.invite() && !c.heard {
		m.tell(tellSilent)
	}
}

// let ends what is left of a context, and takes it back.
func (m *machine) let(c *Context) {
	m.end(c)
	m.pool.release(&c.reason)
	for i := range int(c.branches) {
		m.endBranch(c.branch(i))
	}
	m.pool.flush()
	m.dropContext(c)
}
