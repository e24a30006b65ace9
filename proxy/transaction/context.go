package transaction

import (
	"sync/atomic"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// serverState is the state of the server transaction (RFC 3261 17.2, RFC 6026
// 7.1).
type serverState uint8

const (
	serverTrying     serverState = iota // nothing sent yet
	serverProceeding                    // a provisional response was sent
	serverCompleted                     // a final response was sent; INVITE: not a 2xx
	serverConfirmed                     // INVITE: the ACK came
	serverAccepted                      // INVITE: a 2xx was sent
	serverTerminated
)

// Context is one request on its way through the proxy. Its methods may be
// called where a Table hands it out, and nowhere else.
type Context struct {
	key     token.TxID
	source  flow.Flow     // where responses go (RFC 3261 18.2.2, RFC 3581 4)
	charged *atomic.Int32 // counts the contexts of the source

	template   []byte // the 100 to the request; every response made here copies its headers
	last       []byte // the response a retransmission gets, nil for the template
	best       []byte // the best final response so far, nil if that is made here
	challenges []byte // header lines of other 401 and 407 (RFC 3261 16.7 step 7)
	reason     []byte // header lines for CANCEL (RFC 3326)

	resendAt    int64 // Timer G; the 100 to a non-INVITE
	limitAt     int64 // Timers H, I, J, L; how long to wait for a Fork or an answer
	ringAt      int64 // when an INVITE has rung as long as it may
	resendEvery int64

	credit credit

	first Branch
	rest  []*Branch

	status     uint16 // of the final response sent, 0 before
	bestStatus uint16 // 0: none yet
	branches   uint16
	method     wire.Method
	state      serverState
	forked     bool // Fork was called: its branches decide
	cancelled  bool // a CANCEL came
	heard      bool // a branch has answered the request
	local      bool // last was made here
	closed     bool // a 6xx came: no new branches (RFC 3261 16.7 step 5)

	place node // in the shard
}

// Key returns the transaction's ID.
func (c *Context) Key() token.TxID { return c.key }

func (c *Context) invite() bool { return c.method == wire.MethodInvite }

// open reports whether no final response has been sent yet.
func (c *Context) open() bool { return c.state <= serverProceeding }

// branch returns the i-th branch.
func (c *Context) branch(i int) *Branch {
	if i == 0 {
		return &c.first
	}
	return c.rest[i-1]
}

// find returns the branch of a Via, nil if there is none.
func (c *Context) find(id token.Branch) *Branch {
	for i := range int(c.branches) {
		if b := c.branch(i); b.target.Branch == id {
			return b
		}
	}
	return nil
}

// pending reports whether a branch has had no final response yet.
func (c *Context) pending() bool {
	for i := range int(c.branches) {
		if c.branch(i).pending() {
			return true
		}
	}
	return false
}

// next returns when the next timer fires, or never.
func (c *Context) next() int64 {
	at := min(c.resendAt, c.limitAt, c.ringAt)
	for i := range int(c.branches) {
		b := c.branch(i)
		at = min(at, b.resendAt, b.limitAt, b.timerC)
	}
	return at
}

// over reports whether all transactions of the context have ended.
func (c *Context) over() bool {
	if c.state != serverTerminated {
		return false
	}
	for i := range int(c.branches) {
		if c.branch(i).state != clientTerminated {
			return false
		}
	}
	return true
}
