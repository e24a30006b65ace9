package transaction

import "github.com/sipring/sipring/proxy/flow"

// event is something that happens to one response context: a message, a timer, a
// word of the table's owner. It has the time, the timers' values, the memory that
// messages are built in, and takes what is to be done about it. A shard uses one
// again and again.
type event struct {
	now    int64
	before int64 // the bytes of all buffers, when it began
	messages
	intervals
	outbox
	proven func(flow.Flow) bool                               // Options.Proven
	first  func(c *ResponseContext, status int, waited int64) // Options.Answered; may be nil
	ended  func(caller uint64)                                // Options.Ended
	stats  Stats
}

// begin starts an event at a time.
func (e *event) begin(now int64) {
	e.now = now
	e.next()
	e.before = e.pool.bytes
}

// next forgets what was to be done, and lets its bytes be used again.
func (e *event) next() {
	e.empty()
	e.forget()
}
