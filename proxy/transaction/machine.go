package transaction

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// machine drives contexts: it holds what all those of a shard share. Each event
// is a call of begin, then of one of the methods that say what happened; what
// is to be done about it is in actions then.
type machine struct {
	intervals
	now     int64
	actions []action
	pool    buffers
	stats   Stats

	arena        []byte       // messages built for the actions only
	msg          wire.Message // of our own messages, to build others from
	cancelSource flow.Flow    // where the CANCEL came from that is being answered

	contexts []*Context // to be used again, at most spareContexts more than are held
	branches []*Branch  // to be used again, at most spareBranches
	held     int        // contexts
}

const (
	spareContexts = 64
	spareBranches = 256
	maxArena      = 16 << 10 // bytes
)

// action is one thing to do. Its bytes are valid until the next event.
type action struct {
	kind   actionKind
	local  bool // upstream: made here
	branch *Branch
	bytes  []byte
}

type actionKind uint8

const (
	sendUpstream   actionKind = iota + 1
	answerCancel              // upstream, to cancelSource
	sendDownstream            // to branch
	tellSilent
	tellUnacked
)

// begin starts an event at a time.
func (m *machine) begin(now int64) {
	m.now = now
	m.forget()
}

// forget drops the actions, which are done, and lets their bytes be used again.
func (m *machine) forget() {
	clear(m.actions)
	m.actions = m.actions[:0]
	if m.arena = m.arena[:0]; cap(m.arena) > maxArena {
		m.arena = nil
	}
	m.pool.flush()
}

func (m *machine) upstream(response []byte, local bool) {
	m.actions = append(m.actions, action{kind: sendUpstream, bytes: response, local: local})
}

func (m *machine) downstream(b *Branch, message []byte) {
	if len(message) > 0 {
		m.actions = append(m.actions, action{kind: sendDownstream, branch: b, bytes: message})
	}
}

// replace makes a copy of b the value of a buffer.
func (m *machine) replace(dst *[]byte, b []byte) {
	m.pool.release(dst)
	*dst = m.pool.keep(b)
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
		m.actions = append(m.actions, action{kind: tellSilent})
	}
}

// takeContext returns an empty context, dropContext takes it back.
func (m *machine) takeContext() *Context {
	m.held++
	last := len(m.contexts) - 1
	if last < 0 {
		return new(Context)
	}
	c := m.contexts[last]
	m.contexts = m.contexts[:last]
	return c
}

func (m *machine) dropContext(c *Context) {
	m.end(c)
	m.pool.release(&c.reason)
	for i := range int(c.branches) {
		m.endBranch(c.branch(i))
	}
	for i, b := range c.rest {
		c.rest[i] = nil
		if *b = (Branch{}); len(m.branches) < spareBranches {
			m.branches = append(m.branches, b)
		}
	}
	m.pool.flush()
	m.held--
	*c = Context{rest: c.rest[:0]}
	m.contexts = trim(append(m.contexts, c), m.held+spareContexts)
}

func (m *machine) takeBranch() *Branch {
	last := len(m.branches) - 1
	if last < 0 {
		return new(Branch)
	}
	b := m.branches[last]
	m.branches = m.branches[:last]
	return b
}
