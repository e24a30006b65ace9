package transport

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/transport/frame"
)

// maxFaults is how many messages without a Content-Length a connection may send: each
// is refused, and what follows it is a guess.
const maxFaults = 3

// reading is the state of the goroutine that reads from a connection.
type reading struct {
	c       *conn
	in      inbox
	scan    frame.Scanner
	faults  int
	spoken  bool // something came
	holding bool // answers, until all is handled that came together
}

// read handles what comes until the connection is over. The first has to come in time.
func (c *conn) read(first time.Duration) {
	r := reading{c: c, in: inbox{room: c.streams.room, by: limit.Source(c.flow.Remote.Addr())}}
	c.out.polling = true
	c.allow(first)
	for {
		// Over TLS something may be there already that came with the handshake.
		if err := r.burst(); !isWouldBlock(err) {
			r.ended(err, closedSlowSender)
			return
		}
		if err := c.out.await(); err != nil {
			why := closedSilent
			if r.spoken {
				why = closedIdle
			}
			r.ended(err, why)
			return
		}
	}
}

// burst reads and handles messages until nothing is there, not even part of one, and
// returns wouldBlock then. Of what is there in part the rest has to come in time.
func (r *reading) burst() error {
	r.in.take()
	defer r.in.give()
	for late := false; ; {
		n, err := r.c.top.Read(r.in.free())
		if r.in.n += n; n > 0 {
			r.spoken = true
			more := r.handle()
			if r.holding {
				r.c.out.release()
			}
			if !more {
				return errClosed[closedByPeer]
			}
			if r.in.n == len(r.in.buf) && !r.in.grow() {
				r.c.end(closedMemory)
				return errClosed[closedMemory]
			}
		}
		partial := r.in.n > 0 || r.c.out.records.partial()
		if late = late && partial; n > 0 && !partial {
			r.c.allow(r.c.limits.Idle)
		}
		switch {
		case err == nil:
			continue
		case !isWouldBlock(err) || !partial:
			return err
		case !late:
			late = true
			r.c.allow(r.c.limits.Message)
		}
		if err := r.c.out.await(); err != nil {
			return err
		}
	}
}

func isWouldBlock(err error) bool { return errors.Is(err, wouldBlock{}) }

// ended notes why nothing can be read any more: on a deadline, what it was for.
func (r *reading) ended(err error, deadline closeReason) {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		r.c.end(deadline)
		return
	}
	if r.c.out.secure && !isTheirs(err) {
		r.c.end(closedGarbage)
		return
	}
	r.c.end(closedByPeer)
}

// isTheirs reports whether the far end, or the network, has ended a connection over TLS. What
// else TLS does not read on for is a record that it cannot read, or a handshake anew
// (RFC 5246 7.4.1.1), which it has answered with an alert.
func isTheirs(err error) bool {
	var network *net.OpError
	var number syscall.Errno
	theirs := errors.As(err, &network) && network.Op != "local error" || errors.As(err, &number)
	return theirs || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, errClosed[closedByPeer])
}

// handle handles every whole message that is there, and reports whether to go on.
func (r *reading) handle() bool {
	if r.holding = false; r.c.ws != nil {
		return r.handleFrames()
	}
	return r.handleStream()
}

func (r *reading) handleStream() bool {
	n, more := r.handleAll()
	r.in.cut(n)
	return more
}

// handleAll handles every whole message, and says of how many bytes they are and whether
// to go on.
func (r *reading) handleAll() (at int, more bool) {
	for at < r.in.n {
		if r.c.over() {
			return at, r.discard()
		}
		b := r.in.bytes()[at:]
		kind, n := r.scan.Next(b)
		switch kind {
		case frame.More:
			return at, true
		case frame.LineEnd:
		case frame.Ping:
			r.together(len(b) > n)
			_, _ = r.c.top.Write(pong)
		case frame.Message:
			r.message(b[:n], len(b) > n)
		case frame.NoLength, frame.BadLength:
			r.message(b[:n], len(b) > n)
			if r.faults++; r.faults == maxFaults || kind == frame.BadLength {
				r.c.leave(closedNoLength)
			}
		case frame.TooLong:
			r.c.end(closedTooLarge)
			return at, false
		case frame.Garbage:
			why := closedGarbage
			if r.c.out.beganWithProxyHeader() {
				why = closedProxyHeader
			}
			r.c.end(why)
			return at, false
		}
		at += n
	}
	return at, true
}

var pong = []byte("\r\n")

// message hands one on. more says that another one has come, or begun.
func (r *reading) message(data []byte, more bool) {
	now := time.Now()
	r.c.spoke.Store(now.UnixNano())
	r.c.counts.messages.Inc()
	if more {
		r.c.allow(r.c.limits.Message)
	}
	r.together(more)
	r.c.streams.handler.Message(r.c.flow, data)
}

// together has answers leave together, if more has come than what is answered.
func (r *reading) together(more bool) {
	if more && !r.holding {
		r.holding = true
		r.c.out.hold()
	}
}

// discard waits for the far end to end the connection, which was ended here.
func (c *conn) discard() {
	c.out.polling = false
	_, _ = io.CopyN(io.Discard, c.out, maxDiscarded)
}

func (r *reading) discard() bool {
	r.c.discard()
	return false
}

// maxDiscarded is how much a far end may go on to send after the end, in bytes.
const maxDiscarded = 1 << 20
