package transport

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/transport/frame"
	"github.com/sipring/sipring/proxy/transport/wsframe"
)

// maxFaults is how many messages without a Content-Length a connection may send: each
// is refused, and what follows it is a guess.
const maxFaults = 3

// reading is the state of the goroutine that reads from a connection.
type reading struct {
	c      *conn
	in     inbox
	scan   frame.Scanner
	frames wsframe.Assembler // of WS and WSS
	faults int
	spoken bool
}

// read handles what comes until the connection is over. The first has to come in time.
func (c *conn) read(first time.Duration) {
	r := reading{c: c, in: inbox{room: c.streams.room, by: limit.Source(c.flow.Remote.Addr())}}
	r.frames.Most = largeBuffer
	handle := r.handle
	if c.ws != nil {
		handle = r.handleFrames
	}
	c.allow(first)
	for r.wait() && r.burst(handle) {
		c.allow(c.limits.Idle)
	}
}

// wait waits for one byte, with no buffer but for that.
func (r *reading) wait() bool {
	n, err := r.c.top.Read(r.c.one[:])
	for n == 0 && err == nil {
		n, err = r.c.top.Read(r.c.one[:])
	}
	if n == 0 {
		why := closedSilent
		if r.spoken {
			why = closedIdle
		}
		r.ended(err, why)
	}
	r.spoken = true
	return n > 0
}

// burst reads and handles messages until none is there in part.
func (r *reading) burst(handle func() bool) bool {
	r.in.take()
	defer r.in.give()
	r.in.buf[0], r.in.n = r.c.one[0], 1
	r.c.allow(r.c.limits.Message)
	for {
		n, err := r.c.top.Read(r.in.free())
		r.in.n += n
		switch progress := handle(); {
		case !progress:
			return false
		case r.in.n == 0:
			return true
		case err != nil:
			r.ended(err, closedSlowSender)
			return false
		case r.in.n == len(r.in.buf) && !r.in.grow():
			r.c.end(closedMemory)
			return false
		}
	}
}

// ended notes why nothing can be read any more: on a deadline, what it was for.
func (r *reading) ended(err error, deadline closeReason) {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		r.c.end(deadline)
		return
	}
	r.c.end(closedByPeer)
}

// handle handles every whole message that is there, and reports whether to go on.
func (r *reading) handle() bool {
	for r.in.n > 0 {
		if r.c.over() {
			return r.discard()
		}
		b := r.in.bytes()
		kind, n := r.scan.Next(b)
		switch kind {
		case frame.More:
			return true
		case frame.LineEnd:
		case frame.Ping:
			_, _ = r.c.top.Write(pong)
		case frame.Message:
			r.message(b[:n])
		case frame.NoLength, frame.BadLength:
			r.message(b[:n])
			if r.faults++; r.faults == maxFaults || kind == frame.BadLength {
				r.c.leave(closedNoLength)
			}
		case frame.TooLong:
			r.c.end(closedTooLarge)
			return false
		case frame.Garbage:
			why := closedGarbage
			if r.c.out.beganWithProxyHeader() {
				why = closedProxyHeader
			}
			r.c.end(why)
			return false
		}
		r.in.cut(n)
	}
	return true
}

var pong = []byte("\r\n")

func (r *reading) message(data []byte) {
	now := time.Now()
	r.c.spoke.Store(now.UnixNano())
	r.c.counts.messages.Inc()
	r.c.streams.handler.Message(r.c.flow, data)
	if r.in.n > len(data) { // the next one has begun
		r.c.allow(r.c.limits.Message)
	}
}

// discard waits for the far end to end the connection, which was ended here.
func (r *reading) discard() bool {
	_, _ = io.CopyN(io.Discard, r.c.out, maxDiscarded)
	return false
}

// maxDiscarded is how much a far end may go on to send after the end, in bytes.
const maxDiscarded = 1 << 20
