package transport

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/proxy/transport/proxyheader"
)

// inlet is how an outbox reads. An idle connection waits here, below TLS, with a
// stack and memory as small as they get: a buffer is taken when something comes.
type inlet struct {
	polling bool // Read waits for nothing
	empty   bool // the kernel had no more when it was last asked
	peeked  []byte
	buffer  *[smallBuffer]byte // that peeked is in, nil if it is in none of the pool
	first   [proxyheader.SignatureLen]byte
	begun   int  // bytes of first
	waiting bool // the poller is to wait
	secure  bool // what comes are records of TLS
	records records
	turn    turn // of a handshake
	try     func(fd uintptr) bool
	n       int
	errno   error
}

// wouldBlock is what Read returns instead of waiting. TLS takes it for an error that
// passes.
type wouldBlock struct{}

func (wouldBlock) Error() string   { return "nothing is there to be read" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }

// await waits until something can be read, and keeps it for Read.
func (o *outbox) await() error {
	if len(o.peeked) > 0 {
		return nil
	}
	return o.fill(true)
}

// fill keeps what the kernel has for Read.
func (o *outbox) fill(wait bool) error {
	o.waiting = wait
	err := o.raw.Read(o.inlet.try)
	switch {
	case err != nil:
		return err
	case errors.Is(o.inlet.errno, unix.EAGAIN):
		o.empty = true
		return wouldBlock{}
	case o.inlet.errno != nil:
		return o.inlet.errno
	case o.n == 0:
		return io.EOF
	}
	o.peeked, o.empty = o.buffer[:o.n], o.n < smallBuffer
	o.took(o.peeked)
	return nil
}

// tryRead is given to the poller, and asks it to wait if nothing is there and that is
// wanted.
func (o *outbox) tryRead(fd uintptr) bool {
	o.buffer = smallBuffers.Get().(*[smallBuffer]byte)
	o.n, o.inlet.errno = receiveNow(fd, o.buffer[:])
	if o.inlet.errno != nil || o.n == 0 {
		o.giveBack()
	}
	return !o.waiting || !errors.Is(o.inlet.errno, unix.EAGAIN)
}

func (o *outbox) giveBack() {
	if o.buffer != nil {
		smallBuffers.Put(o.buffer)
	}
	o.buffer, o.peeked = nil, nil
}

// Read reads what is kept, and then what comes: at once, when it is polling.
func (o *outbox) Read(b []byte) (int, error) {
	if len(o.peeked) > 0 {
		o.turn.take()
		n := copy(b, o.peeked)
		if o.peeked = o.peeked[n:]; len(o.peeked) == 0 {
			o.giveBack()
		}
		return n, nil
	}
	if o.polling {
		if o.empty {
			return 0, wouldBlock{}
		}
		if err := o.fill(false); err != nil {
			return 0, err
		}
		return o.Read(b)
	}
	if o.turn.held { // it is held on for what has come already
		if err := o.fill(false); !isWouldBlock(err) {
			if err != nil {
				return 0, err
			}
			return o.Read(b)
		}
	}
	o.turn.leave()
	n, err := o.Conn.Read(b)
	o.turn.take()
	o.took(b[:max(n, 0)])
	return n, err
}

// asSecure has what comes from here on be records of TLS.
func (o *outbox) asSecure() *outbox {
	o.secure = true
	o.records.add(o.peeked)
	return o
}

// unread has Read return b first.
func (o *outbox) unread(b []byte) {
	if len(b) > 0 {
		o.peeked = append([]byte(nil), b...)
	}
}

// took counts what came, and remembers how it began.
func (o *outbox) took(b []byte) {
	o.counts.read(len(b))
	if o.secure {
		o.records.add(b)
	}
	if o.begun < len(o.first) {
		o.begun += copy(o.first[o.begun:], b)
	}
}

// beganWithProxyHeader reports whether the first that came was such a header.
func (o *outbox) beganWithProxyHeader() bool { return proxyheader.Is(o.first[:o.begun]) }
