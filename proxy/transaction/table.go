package transaction

import (
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// Table holds the contexts of a process. All methods may be called concurrently;
// now is the time in milliseconds, 0 or more, on a clock that does not go back.
// Bytes passed in are copied where they are kept.
type Table struct{ out Outlet }

// node is the place of a Context in its shard.
type node struct{}

// NewTable returns a table that sends through out.
func NewTable(o Options, out Outlet) *Table { return &Table{out: out} }

// Request takes a request that has arrived, under its transaction ID (an ACK or
// CANCEL under that of the INVITE). Only New asks the caller for anything: a
// Fork or a Reply, from any goroutine. Without one the context is answered 408
// (INVITE) or forgotten after 64*T1.
//
// req must have passed Message.Validate.
func (t *Table) Request(now int64, key token.TxID, req *wire.Message, src Source) Disposition { return 0 }

// Has reports whether the table holds a context under the key.
func (t *Table) Has(key token.TxID) bool { return false }

// Fork starts a client transaction for each target, in order, and answers an
// INVITE 100 if nothing was answered yet. Without targets, the best response so
// far is sent, or 480 if there is none. A target whose branch the context has
// already, or beyond MaxBranches, is left out.
//
// It returns false if the context is gone, cancelled, or answered: nothing is
// sent then.
func (t *Table) Fork(now int64, key token.TxID, targets []Target) bool {
	return t.ForkGroup(now, key, targets, false)
}

// ForkGroup is Fork for a search in several steps (RFC 3261 16.6): with more
// set, the end of all branches calls Options.Exhausted.
func (t *Table) ForkGroup(now int64, key token.TxID, targets []Target, more bool) bool { return false }

// Reply sends a response made by the caller, provisional or final. After a
// final one the branches of an INVITE are cancelled. It returns false if the
// context is gone or has been answered.
func (t *Table) Reply(now int64, key token.TxID, response []byte) bool { return false }

// Response takes a response that has arrived for a branch. forward is the
// response as it goes upstream, without our Via; it is not looked at for a 100
// and for a response to a CANCEL, and may be nil then. It returns false if the
// table has no such branch; else the response has been dealt with, which may
// mean dropped.
func (t *Table) Response(now int64, key token.TxID, branch token.Branch, resp *wire.Message, forward []byte) bool {
	return false
}

// TransportError tells that the branch's target cannot be reached (RFC 3261
// 16.9, 17.1.4). It returns false if the table has no such branch.
func (t *Table) TransportError(now int64, key token.TxID, branch token.Branch) bool { return false }

// Tick fires the timers that are due. It is to be called every 10 to 50 ms.
func (t *Table) Tick(now int64) {}

// Len returns the number of contexts held.
func (t *Table) Len() int { return 0 }

// MaxBranches is the most branches a context has.
const MaxBranches = 64

// Stats counts what a Table has done since it was made, but for the first two
// fields, which say what it holds.
type Stats struct {
	Held          int    // contexts
	Open          int    // contexts without a final response
	Created       uint64 // contexts
	Overloaded    uint64 // requests refused for want of room
	Repeated      uint64 // retransmissions received
	Resent        uint64 // retransmissions sent, requests and responses
	Cancelled     uint64 // requests cancelled by the caller
	TimedOut      uint64 // branches that did not answer in time (Timers B, C, F)
	Unreachable   uint64 // branches whose target could not be reached
	Unanswered    uint64 // contexts that ended without a final response
	Unacked       uint64 // failures to INVITE that no ACK came for (Timer H)
	LateSuccesses uint64 // 2xx to INVITE that came after another final response was sent
}

// Stats returns the counts.
func (t *Table) Stats() Stats { return Stats{} }
