package cluster

import "github.com/sipring/sipring/proxy/flow"

// Send is one message for another member.
type Send struct {
	To         uint32
	start, end int
}

// Effects is what a step of a Core asks its driver to do. It is reusable; the driver owns it.
//
// Sends must be put into the queues of the peers' streams before the core's lock is released: the order in which one
// core speaks to one peer is part of the protocol. Completed ops are to be told (op.Done) after it is released.
type Effects struct {
	// Sends in order. Bytes returns the message of each.
	Sends []Send
	// Registers, Lookups and Locates are the completed ops.
	Registers []*RegisterOp
	Lookups   []*LookupOp
	Locates   []*LocateOp
	// Replaced are connections that a binding was reached over: whoever registered it is back over another one, so that the
	// first may be over without anybody having been told.
	Replaced []flow.Flow
	// Away are UDP flows whose owners are gone.
	Away []Away
	// Changed: Core.Progress may have changed. The driver passes the sum over all cores to the membership.
	Changed bool

	buf []byte
}

// Bytes returns the message of s. It is valid until Reset.
func (e *Effects) Bytes(s Send) []byte { return e.buf[s.start:s.end] }

// maxKept is the most memory that Reset keeps: what a step of the hot path needs, not a snapshot.
const maxKept = 256 << 10

// Reset empties e and keeps its memory.
func (e *Effects) Reset() {
	clear(e.Registers)
	clear(e.Lookups)
	clear(e.Locates)
	e.Sends, e.Registers, e.Lookups, e.Locates = e.Sends[:0], e.Registers[:0], e.Lookups[:0], e.Locates[:0]
	e.Changed = false
	clear(e.Away)
	e.Replaced, e.Away = e.Replaced[:0], e.Away[:0]
	if e.buf = e.buf[:0]; cap(e.buf) > maxKept {
		e.buf = nil
	}
}
