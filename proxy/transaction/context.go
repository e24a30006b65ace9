package transaction

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// ResponseContext is one request on its way through the proxy: the server
// transaction it came in, the client transactions it left by, and what joins them
// (RFC 3261 16.7). Its methods may be called where a Table hands it out, and
// nowhere else. There are many, and a Tick looks at some that nobody has looked at
// for long: what it reads stands first, here and in the transactions.
type ResponseContext struct {
	place   node // in the shard
	key     token.TxID
	charged *share // the source's
	ringAt  int64  // when an INVITE has rung as long as it may
	goneAt  int64  // when an INVITE is given up whose caller's connection is over
	lastAt  int64  // when Last targets are tried, whatever the others do
	began   int64

	server   serverTransaction
	branches branches
	best     bestResponse
	reason   []byte // header lines for CANCEL (RFC 3326)
	again    Again  // has kept the request; nil: nobody

	standing  Standing
	forked    bool // Fork was called: its branches decide
	cancelled bool // a CANCEL came
	heard     bool // a branch has answered the request
	passedOn  bool // Last targets are tried
	rings     bool // again keeps the request on all the same
	away      bool // who has kept the request looks for phones whose flows are over
	closed    bool // a 6xx came: no new branches (RFC 3261 16.7 step 5)
}

// Key returns the transaction's ID.
func (c *ResponseContext) Key() token.TxID { return c.key }

// Method is the request's.
func (c *ResponseContext) Method() wire.Method { return c.server.method }

// Setup reports whether it is for an INVITE outside of a dialog: a call is being set
// up.
func (c *ResponseContext) Setup() bool { return c.server.setup }

func (c *ResponseContext) invite() bool { return c.server.invite() }

// open reports whether no final response has been sent yet.
func (c *ResponseContext) open() bool { return c.server.open() }

// next returns when the next timer fires, or never.
func (c *ResponseContext) next() int64 {
	return min(c.server.resendAt, c.server.limitAt, c.ringAt, c.goneAt, c.lastAt, c.branches.next())
}

// over reports whether all transactions of the context have ended.
func (c *ResponseContext) over() bool {
	return c.server.state == serverTerminated && c.branches.over()
}

// accept takes the request that the context is for.
func (c *ResponseContext) accept(e *event, key token.TxID, req *wire.Message, src flow.Flow) {
	c.key, c.ringAt, c.goneAt, c.lastAt, c.began = key, never, never, never, e.now
	c.server.accept(e, req, src)
}

// first tells of the first response other than 100, and of the first final one.
func (c *ResponseContext) first(e *event, status int) {
	if e.first != nil {
		e.first(c, status, e.now-c.began)
	}
}

// end ends the server transaction, and gives up what only led to its answer.
func (c *ResponseContext) end(e *event) {
	c.ringAt, c.goneAt, c.lastAt = never, never, never
	c.best.drop(e)
	c.server.become(e, serverTerminated)
}

// expire fires the timers that are due.
func (c *ResponseContext) expire(e *event) {
	if c.ringAt <= e.now {
		c.rungOut(e)
	}
	if c.goneAt <= e.now {
		c.callerGone(e)
	}
	if c.lastAt <= e.now {
		c.noAnswer(e)
	}
	if c.server.limitAt <= e.now {
		c.serverLimit(e)
	}
	if c.server.resendAt <= e.now {
		c.server.resend(e)
	}
	silent := false
	for i := range int(c.branches.count) {
		b := c.branches.at(i)
		if b.timerC <= e.now {
			b.ringTimeout(e, c.reason)
		}
		if b.limitAt <= e.now {
			c.clientLimit(e, b)
		}
		if b.resendAt <= e.now {
			silent = silent || b.state == clientCalling
			b.resend(e, c.reason)
		}
	}
	if silent && c.invite() && !c.heard {
		e.tell(tellSilent)
	}
}

// rungOut ends an INVITE that has rung as long as it may. The caller is told at
// once: what rings so long may not answer its CANCEL either.
func (c *ResponseContext) rungOut(e *event) {
	e.stats.RungOut++
	c.local(e, 408)
	c.cancelPending(e)
}

// callerGone ends an INVITE that nobody waits for any more, as if the caller had cancelled
// it. A response that cannot be sent is an error of its transaction (RFC 3261 17.2.4).
func (c *ResponseContext) callerGone(e *event) {
	e.stats.CallersGone++
	c.local(e, 487)
	c.cancelPending(e)
}

// serverLimit ends a state of the server transaction that has lasted as long as it
// may.
func (c *ResponseContext) serverLimit(e *event) {
	switch {
	case !c.open():
		c.server.over(e)
	case c.invite():
		c.finish(e, 408)
	default:
		c.abandon(e)
		c.branches.endPending(e)
	}
}

// abandon ends a request without an answer.
func (c *ResponseContext) abandon(e *event) {
	e.stats.Unanswered++
	c.end(e)
}

// yield leaves an INVITE to another member. Where the caller has cancelled it,
// that one's answer is as good as a provisional response here: the CANCEL may go
// (RFC 3261 9.1).
func (c *ResponseContext) yield(e *event) {
	e.stats.Yielded++
	if !c.cancelled {
		c.branches.end(e)
		c.end(e)
		return
	}
	for i := range int(c.branches.count) {
		if b := c.branches.at(i); b.state == clientCalling {
			b.proceeding(e, 100)
			c.cancelWanted(e, b)
		}
	}
}
