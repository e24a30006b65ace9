package peer

import (
	"crypto/tls"
	"errors"
	"math"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Timing of a stream.
const (
	// heartbeat is the least interval of pings. Each tells the sender's epoch, so
	// that who is behind is sent the newer member set.
	heartbeat = 150 * time.Millisecond
	// silence is how long nothing may arrive from a peer that pings every
	// heartbeat before the stream is broken: two pings, and what may hold up a
	// process or a segment that TCP has to send again.
	silence = 700 * time.Millisecond
	// writeTimeout breaks a stream whose peer speaks but does not take a
	// maxFrame of bytes in this time.
	writeTimeout = 2 * time.Second
)

// maxQueue bounds what waits to be written to one peer, in bytes. maxUserQueue
// is the part that frames of the user may fill: a flood of SIP never displaces
// the cluster's own messages.
const (
	maxQueue     = 64 << 20
	maxUserQueue = 8 << 20
)

var (
	// ErrNoStream says that there is no established stream to that member.
	ErrNoStream = errors.New("no stream to that member")
	// ErrQueueFull says that the member reads slower than we send; the frame is dropped.
	ErrQueueFull = errors.New("the stream's queue is full")
	// ErrTooLong says that the payload is longer than a frame may be.
	ErrTooLong  = errors.New("payload is longer than a frame may be")
	errSilence  = errors.New("peer was silent for too long")
	errClosed   = errors.New("stream is closed")
	errReplaced = errors.New("replaced by a newer stream")
)

// stream is one established connection to a peer. Frames appended while a
// write is under way leave together in the next write.
type stream struct {
	conn  net.Conn
	peer  hello
	epoch func() uint64        // of our member set, told in every ping
	beat  func() time.Duration // the interval of our pings, told as well
	// theirs is the interval of the peer's pings, in ns.
	theirs atomic.Int64
	ahead  atomic.Int64 // the peer's wall clock less ours at its last ping, in ms
	reads  atomic.Int64 // frames read, for the silence check
	// began is when the stream stood, heard how long after it the peer was last heard.
	began time.Time
	heard atomic.Int64
	// since is the version of the view that announced the stream. A core that
	// has not seen that view must not send here: what it says belongs to the
	// stream before.
	since atomic.Uint64
	// offered is the epoch of the member set last sent; the reader's own.
	offered uint64
	running sync.WaitGroup

	mu      sync.Mutex
	pending []byte
	parting error // the stream ends with this once all that is pending is written
	err     error
	wake    chan struct{} // capacity 1: something is pending or the stream ended
	done    chan struct{} // closed with the stream
}

func newStream(conn net.Conn, peer hello, epoch func() uint64, beat func() time.Duration) *stream {
	s := &stream{conn: conn, peer: peer, epoch: epoch, beat: beat, began: time.Now(), wake: make(chan struct{}, 1), done: make(chan struct{})}
	s.since.Store(math.MaxUint64)
	s.theirs.Store(int64(heartbeat))
	return s
}

// run starts what writes and watches; wait returns when both have ended, which
// they do with the stream.
func (s *stream) run() {
	s.running.Go(s.write)
	s.running.Go(s.watch)
}

func (s *stream) wait() { s.running.Wait() }

// from tells whether the peer's end has that IP address.
func (s *stream) from(address string) bool {
	remote, ok := s.conn.RemoteAddr().(*net.TCPAddr)
	a, err := netip.ParseAddr(address)
	return ok && err == nil && remote.AddrPort().Addr().Unmap() == a.Unmap()
}

// append queues one frame; the payload is copied. Safe for concurrent use;
// never blocks. ErrNoStream, ErrQueueFull or ErrTooLong say why it is not sent.
func (s *stream) append(kind uint8, payload []byte) error {
	if len(payload) > maxFrame {
		return ErrTooLong
	}
	limit := maxQueue
	if kind >= KindUser {
		limit = maxUserQueue
	}
	s.mu.Lock()
	switch {
	case s.err != nil || s.parting != nil:
		s.mu.Unlock()
		return ErrNoStream
	case len(s.pending)+frameHeader+len(payload) > limit:
		s.mu.Unlock()
		return ErrQueueFull
	}
	first := len(s.pending) == 0
	s.pending = appendFrame(s.pending, kind, payload)
	s.mu.Unlock()
	if first {
		s.signal()
	}
	return nil
}

// part ends the stream after a last frame without a payload.
func (s *stream) part(kind uint8, cause error) {
	s.mu.Lock()
	if s.parting == nil {
		s.pending, s.parting = appendFrame(s.pending, kind, nil), cause
	}
	s.mu.Unlock()
	s.signal()
}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// fail ends the stream once; the first error stays.
func (s *stream) fail(err error) {
	s.mu.Lock()
	first := s.err == nil
	if first {
		s.err = err
		close(s.done)
	}
	s.mu.Unlock()
	if first {
		closeNow(s.conn)
	}
}

// closeNow closes without TLS' farewell, which would wait for a peer that takes
// nothing.
func closeNow(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	_ = conn.Close()
}

func (s *stream) cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
