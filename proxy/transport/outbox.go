package transport

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// outbox is the TCP connection that everything else is on top of. Write never waits:
// what the kernel has no room for is queued, in order, and written by a goroutine that
// is there only as long as something is queued.
type outbox struct {
	net.Conn
	raw    syscall.RawConn
	most   int           // bytes queued
	wait   time.Duration // for the far end to take some
	failed func(closeReason)
	spawn  func(func()) bool
	counts *transportMetrics
	inlet

	mu       sync.Mutex
	queue    []byte
	held     *[]byte // not written yet, see hold
	sending  int     // bytes taken from the queue that are being written
	flushing bool
	ending   bool // nothing more is taken
	try      func(fd uintptr) bool
	data     []byte // for try
	wrote    int
	errno    error
}

var errQueueFull = errors.New("the far end takes too little of what is sent to it")

// flushChunk is how much is written with one deadline.
const flushChunk = 16 << 10

func newOutbox(conn *net.TCPConn) (*outbox, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	o := &outbox{Conn: conn, raw: raw}
	o.try, o.inlet.try = o.tryWrite, o.tryRead
	return o, nil
}

// tryWrite is given to the poller, and asks it to wait for nothing.
func (o *outbox) tryWrite(fd uintptr) bool {
	o.wrote, o.errno = sendNow(fd, o.data)
	return true
}

// Write takes all of b, or fails for good.
func (o *outbox) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending {
		return 0, net.ErrClosed
	}
	if o.held != nil && !o.flushing {
		if len(*o.held)+len(b) <= cap(*o.held) {
			*o.held = append(*o.held, b...)
			return len(b), nil
		}
		if err := o.pour(); err != nil {
			return 0, err
		}
	}
	return len(b), o.put(b)
}

// put writes b, or as much as there is room for, and queues the rest.
func (o *outbox) put(b []byte) error {
	rest := b
	if !o.flushing {
		n, err := o.writeNow(b)
		if err != nil {
			o.ending = true
			o.failed(closedByWrite)
			return err
		}
		rest = b[n:]
	}
	if len(rest) == 0 {
		return nil
	}
	if len(o.queue)+o.sending+len(rest) > o.most {
		o.ending = true
		o.failed(closedBySlowReader)
		return errQueueFull
	}
	o.queue = append(o.queue, rest...)
	if !o.flushing {
		if o.flushing = o.spawn(o.flush); !o.flushing {
			o.ending = true
			return net.ErrClosed
		}
	}
	return nil
}

// heldBuffers are where what is written is held until release.
var heldBuffers = sync.Pool{New: func() any { b := make([]byte, 0, flushChunk); return &b }}

// hold has what is written leave together, with release at the latest: answers to
// messages that came together.
func (o *outbox) hold() {
	o.mu.Lock()
	if o.held == nil {
		o.held = heldBuffers.Get().(*[]byte)
	}
	o.mu.Unlock()
}

// release writes what is held, and holds nothing more.
func (o *outbox) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held != nil {
		_ = o.pour()
		*o.held = (*o.held)[:0]
		heldBuffers.Put(o.held)
		o.held = nil
	}
}

// pour writes what is held.
func (o *outbox) pour() error {
	if o.held == nil || len(*o.held) == 0 || o.ending {
		return nil
	}
	b := *o.held
	*o.held = b[:0]
	return o.put(b)
}

// writeNow writes as much as there is room for.
func (o *outbox) writeNow(b []byte) (int, error) {
	o.data = b
	err := o.raw.Write(o.try)
	o.data = nil
	switch {
	case err != nil:
		return 0, err
	case errors.Is(o.errno, unix.EAGAIN):
		return 0, nil
	case o.errno != nil:
		return 0, o.errno
	}
	o.counts.written(o.wrote)
	return o.wrote, nil
}

// flush writes what is queued until nothing is.
func (o *outbox) flush() {
	for {
		o.mu.Lock()
		chunk := o.queue
		o.queue, o.sending = nil, len(chunk)
		if len(chunk) == 0 {
			o.flushing = false
			_ = o.Conn.SetWriteDeadline(time.Time{})
			if o.ending {
				o.closeWrite()
			}
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
		for len(chunk) > 0 {
			_ = o.Conn.SetWriteDeadline(time.Now().Add(o.wait))
			n, err := o.Conn.Write(chunk[:min(len(chunk), flushChunk)])
			o.counts.written(n)
			if err != nil {
				o.fail(err)
				return
			}
			chunk = chunk[n:]
		}
	}
}

// isReset reports whether an error is that the far end is gone.
func isReset(err error) bool {
	return errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ETIMEDOUT)
}

func (o *outbox) fail(err error) {
	o.mu.Lock()
	o.ending, o.flushing, o.queue, o.sending = true, false, nil, 0
	o.mu.Unlock()
	reason := closedByWrite
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		reason = closedBySlowReader
	}
	o.failed(reason)
}

// finish takes nothing more, and tells the far end when all is written.
func (o *outbox) finish() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending {
		return
	}
	_ = o.pour()
	if o.ending = true; !o.flushing {
		o.closeWrite()
	}
}

func (o *outbox) closeWrite() { _ = o.Conn.(*net.TCPConn).CloseWrite() }

// SetWriteDeadline and SetDeadline are called by what is on top, whose writes need
// none: the flush has its own.
func (o *outbox) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is SetReadDeadline.
func (o *outbox) SetDeadline(t time.Time) error { return o.SetReadDeadline(t) }
