package peer

import (
	"bufio"
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

// Buffers of a stream, of which a member of a large cluster has hundreds. What
// is longer than readBuffer is read to where it belongs, and TLS holds a record
// of 16 KiB anyway. Those for single frames and for what waits to be written grow
// as needed, and are given up above keepBuffer as soon as little is in them.
const (
	readBuffer = 2 << 10
	keepBuffer = 16 << 10
)

// keep returns the buffer for use again, nil if it is too large for the n bytes
// that were in it last.
func keep(buf []byte, n int) []byte {
	if cap(buf) > keepBuffer && n < cap(buf)/4 || cap(buf) > 2*maxFrame {
		return nil
	}
	return buf[:0]
}

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
	reads  atomic.Int64 // frames read, for the silence check
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
	s := &stream{conn: conn, peer: peer, epoch: epoch, beat: beat, wake: make(chan struct{}, 1), done: make(chan struct{})}
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

// watch is the stream's clock: it sends a ping every beat and breaks the
// stream when nothing was read for the silence bound. It is not the writer,
// which a peer that takes nothing holds up.
func (s *stream) watch() {
	beat := heartbeat // so that a peer hears soon how long it may wait
	timer := time.NewTimer(untilNext(beat))
	defer timer.Stop()
	p := pulse{lastRead: time.Now(), lastLook: time.Now()}
	for {
		select {
		case <-s.done:
			return
		case now := <-timer.C:
			if p.quiet(now, s.reads.Load(), beat) > silenceFor(s.theirBeat()) {
				s.fail(errSilence)
				return
			}
			beat = s.ourBeat()
			timer.Reset(untilNext(beat))
			s.ping(beat)
		}
	}
}

// pulse measures a peer's silence.
type pulse struct {
	reads              int64
	lastRead, lastLook time.Time
}

// quiet is for how long nothing was read, at a look that comes every interval. A
// look that is late counts for two: what a stopped process did not hear was no
// silence of its peers'.
func (p *pulse) quiet(now time.Time, reads int64, every time.Duration) time.Duration {
	if late := now.Sub(p.lastLook) - 2*every; late > 0 {
		p.lastRead = p.lastRead.Add(late)
	}
	p.lastLook = now
	if reads != p.reads {
		p.reads, p.lastRead = reads, now
	}
	return now.Sub(p.lastRead)
}

// untilNext is how long it is until the time is a multiple of the interval.
// What is done at such times is done in one wake-up, for all streams of a
// member, and where clocks agree the peers' pings arrive in it too.
func untilNext(interval time.Duration) time.Duration {
	return interval - time.Duration(time.Now().UnixNano())%interval
}

// write sends what is pending, all that there is in one write.
func (s *stream) write() {
	var buf []byte
	for {
		select {
		case <-s.done:
			return
		case <-s.wake:
		}
		if buf = s.flush(buf); buf == nil {
			return
		}
	}
}

// flush writes what is pending, taking spare as the next pending buffer, and
// returns the written buffer for reuse; nil when the stream broke.
func (s *stream) flush(spare []byte) []byte {
	s.mu.Lock()
	buf, parting := s.pending, s.parting
	s.pending = spare[:0]
	s.mu.Unlock()
	if len(buf) == 0 {
		return emptyIfNil(buf)
	}
	for rest := buf; len(rest) > 0; {
		chunk := rest[:min(len(rest), maxFrame)]
		_ = s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
		if _, err := s.conn.Write(chunk); err != nil {
			s.fail(err)
			return nil
		}
		rest = rest[len(chunk):]
	}
	if parting != nil {
		s.fail(parting)
		return nil
	}
	return emptyIfNil(keep(buf, len(buf)))
}

func emptyIfNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// read delivers frames until the stream breaks. The payload is valid during
// the call only.
func (s *stream) read(deliver func(kind uint8, payload []byte)) {
	r := bufio.NewReaderSize(s.conn, readBuffer)
	var buf []byte
	for {
		kind, payload, err := readFrame(r, buf, maxFrame)
		if err != nil {
			s.fail(err)
			return
		}
		s.reads.Add(1)
		deliver(kind, payload)
		buf = keep(payload, len(payload))
	}
}
