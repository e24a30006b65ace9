package transaction

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
)

// Target is a branch to be: a request as it leaves, and where to. Of Flow this
// package reads whether it is reliable, and hands it back as it got it.
type Target struct {
	Branch token.Branch // of our Via in Bytes; a context has no two branches with the same
	Bytes  []byte       // the complete request, our Via on top
	Group  uint64       // targets of one are tried one after the other, 0: at once (RFC 5626 5.3)
	Flow   flow.Flow    // to the next hop
	Last   bool         // of an INVITE: tried when no other target has taken the call
}

func (t *Target) reliable() bool { return t.Flow.Transport.Reliable() }

// Outlet sends what a Table says. Its methods are called with the lock of a
// shard held: they must neither block nor call the Table, and may keep none of
// their arguments. Calls for different contexts come concurrently.
type Outlet interface {
	// Upstream sends a response to to: the context's source, or for the 200 to a
	// CANCEL where that came from. local: it was made here, by the Table or its
	// caller, and not by a target.
	Upstream(c *ResponseContext, to flow.Flow, response []byte, local bool)
	// Downstream sends a request, its retransmission, an ACK or a CANCEL to
	// b.Target(), which holds no Bytes. It returns false if the target cannot be
	// reached at all, which counts as a 503 from it (RFC 3261 16.9); a datagram
	// lost on the way out is no such failure.
	Downstream(c *ResponseContext, b *Branch, message []byte) bool
}

// Options of a Table. A field that is zero or negative takes its default.
type Options struct {
	Timers Timers
	// MaxContexts bounds the contexts held at once. Default 200000. Strangers have
	// at most three quarters of them, and one source an eighth once half are taken.
	MaxContexts int
	// MaxBytes bounds what messages the contexts hold, in bytes and to within
	// 2 MiB: beyond it no context and no branch begins, while each there is may
	// still keep one response more. It is shared out as MaxContexts is. Requests are
	// of up to 64 KiB, so a bound on their number alone would let a few senders take
	// all memory. Default 4 KiB for each of MaxContexts.
	MaxBytes int64
	// Silent is called, as the methods of Outlet are and by Tick alone, when an
	// INVITE is repeated of which no branch has ever answered. Where another
	// member may hold the same transaction, and have the answers, it is time to
	// ask, and to Yield if so. nil: nobody else holds it.
	Silent func(c *ResponseContext)
	// Unacked is called, as the methods of Outlet are and by Tick alone, when the
	// failure of an INVITE is repeated because no ACK has come. Where other members
	// may be given the ACK, it is time to say who waits for it. nil: nobody else is.
	Unacked func(c *ResponseContext)
	// Proven reports whether a flow is known to receive what is sent to it: its
	// address is not forged. It is called with locks held, and must not call the
	// table. To other flows over UDP the 100 and what is repeated go only as far as
	// they are no more than twice what came. nil: all are.
	Proven func(flow.Flow) bool
	// Answered is called, as the methods of Outlet are, with the first response of an
	// INVITE's branches that is sent on, and with the first final response to any
	// request: its status, and how long in ms after the request. nil: nobody counts.
	Answered func(c *ResponseContext, status int, waited int64)
	// Ended is called, with locks held, once for each request that Count was told of, when
	// it has its final response, or ends without one. It must not call the table. nil:
	// Count is not called.
	Ended func(caller uint64)
	// Begun is called, as the methods of Outlet are, when the table takes a
	// context and had none: from then on, until Len is 0, Tick is to be called.
	// nil: the caller ticks all the time.
	Begun func()
}

// Disposition says what became of a request.
type Disposition uint8

// What became of a request.
const (
	// New: the request has a context now, which waits for Fork or Refuse.
	New Disposition = iota + 1
	// Retransmission: seen before, and answered again if it had been answered.
	Retransmission
	// AckHandled: an ACK that its context took.
	AckHandled
	// CancelHandled: a CANCEL that was answered 200, its branches cancelled.
	CancelHandled
	// NoMatch: an ACK or CANCEL without context, or the ACK to a 2xx, which the
	// proxy forwards by itself (RFC 3261 16.10, RFC 6026 7.1).
	NoMatch
	// Overloaded: no room for another context, in number or bytes.
	Overloaded
)

var dispositionNames = [...]string{
	New: "new", Retransmission: "retransmission", AckHandled: "ack", CancelHandled: "cancel",
	NoMatch: "no_match", Overloaded: "overloaded",
}

// String returns a short lower-case name, usable as a metric label.
func (d Disposition) String() string {
	if int(d) < len(dispositionNames) && dispositionNames[d] != "" {
		return dispositionNames[d]
	}
	return "unknown"
}
