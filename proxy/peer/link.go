package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// Timing of a link.
const (
	dialTimeout = time.Second
	// confirmTimeout is how long a peer that was silent has to answer a redial.
	confirmTimeout = 250 * time.Millisecond
	minBackoff     = 10 * time.Millisecond
	maxBackoff     = 500 * time.Millisecond
	probePause     = 2 * time.Millisecond
	knockPause     = 500 * time.Millisecond
)

// link is this member's relation to one other: it keeps one stream up and
// decides when the other is down. The member with the lower ID dials; the
// other, whose stream broke, probes the peer's port instead, so that both
// learn of a dead process within a round trip.
type link struct {
	n       *Node
	id      uint32
	stop    context.CancelFunc
	arrived chan struct{} // capacity 1: there is a next stream
	nudge   chan struct{} // capacity 1: the member was seen alive: redial at once
	up      bool          // announced as up; guarded by Node.mu

	mu     sync.Mutex
	member config.Member
	cur    *stream   // in use
	next   *stream   // dialled by the other, not yet taken up
	ended  bool      // takes no more streams
	broken time.Time // when the last stream ended
}

func (l *link) stream() *stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cur
}

// peer is the member as the set lists it.
func (l *link) peer() config.Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.member
}

// keep takes the member as a newer set lists it, unless it moved to where the
// link does not lead.
func (l *link) keep(m config.Member) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.member.Address != m.Address && (l.cur == nil || !l.cur.from(m.Address)) {
		return false
	}
	l.member = m
	return true
}

// run keeps the link until the context ends.
func (l *link) run(ctx context.Context) {
	defer l.end()
	if l.n.self.ID < l.id {
		l.dialling(ctx)
		return
	}
	l.n.stopped.Go(func() { l.callOn(ctx) })
	l.accepting(ctx)
}

// callOn knocks until the other has dialled, or is given up: its member set may
// be too old to have this member in it, and it gets ours so.
func (l *link) callOn(ctx context.Context) {
	for until := time.Now().Add(cluster.DefaultUnknownWait * time.Millisecond); time.Now().Before(until); {
		l.knock(ctx)
		l.mu.Lock()
		met := l.cur != nil || l.next != nil
		l.mu.Unlock()
		if met {
			return
		}
		select {
		case <-time.After(knockPause):
		case <-ctx.Done():
			return
		}
	}
}

func (l *link) end() {
	l.mu.Lock()
	l.ended = true
	cur, next := l.cur, l.next
	l.cur, l.next = nil, nil
	l.mu.Unlock()
	failAll(errClosed, cur, next)
}

func failAll(err error, streams ...*stream) {
	for _, s := range streams {
		if s != nil {
			s.fail(err)
		}
	}
}

// dialling is the life of a link on the side that dials. A stream that breaks
// is dialled again at once: if that is refused or takes too long the member is
// down.
func (l *link) dialling(ctx context.Context) {
	backoff, timeout, up := minBackoff, dialTimeout, false
	for ctx.Err() == nil {
		if l.n.whenSound(ctx) {
			timeout = dialTimeout
		}
		s, err := l.dial(ctx, timeout)
		if ctx.Err() != nil {
			failAll(errClosed, s)
			return
		}
		if l.n.stuck.Load() {
			failAll(errAway, s)
			continue // who did not answer a process that is away is not down for that
		}
		if err != nil {
			if up {
				l.n.peerDown(l, err)
				up = false
			}
			timeout = dialTimeout
			l.pause(ctx, backoff)
			backoff = min(2*backoff, maxBackoff)
			continue
		}
		l.mu.Lock()
		l.cur = s
		l.mu.Unlock()
		l.serve(ctx, s)
		backoff, timeout, up = minBackoff, patience(s.cause()), true
	}
}

// patience is how long a peer may take to bring up another stream after one
// broke, before it counts as down: confirmTimeout after a silence, or its own
// word that it is away. What broke
// otherwise was heard until now, and a process held up for a moment is not dead:
// it gets as long as if it had fallen silent. One that refuses is down at once.
func patience(cause error) time.Duration {
	if errors.Is(cause, errSilence) || errors.Is(cause, errAway) {
		return confirmTimeout
	}
	return silence + confirmTimeout
}

// accepting is the life of a link on the side that is dialled.
func (l *link) accepting(ctx context.Context) {
	up := false
	var last error
	for ctx.Err() == nil {
		if l.n.whenSound(ctx) {
			last = errBack
			l.n.stopped.Go(func() { l.knock(ctx) })
		}
		s, err := l.await(ctx, up, last)
		if ctx.Err() != nil {
			failAll(errClosed, s)
			return
		}
		if err != nil && l.n.stuck.Load() {
			continue
		}
		if err != nil {
			l.n.peerDown(l, err) // it was up: otherwise there is no limit to the wait
			up = false
			continue
		}
		up = true
		l.serve(ctx, s)
		last = s.cause()
	}
}

// await waits for the other to dial. While the member still counts as up its
// port is probed: a refusal, or no new stream in time, says that it is down.
func (l *link) await(ctx context.Context, up bool, last error) (*stream, error) {
	var limit <-chan time.Time
	probe := make(chan error, 1)
	if up {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		l.n.stopped.Go(func() { probe <- l.probe(ctx) })
		timer := time.NewTimer(patience(last))
		defer timer.Stop()
		limit = timer.C
	}
	for {
		select {
		case <-l.arrived:
			if s := l.take(); s != nil {
				return s, nil
			}
		case err := <-probe:
			if err != nil {
				return nil, err
			}
		case <-limit:
			return nil, fmt.Errorf("no new stream after: %w", last)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take takes up the stream that the other dialled.
func (l *link) take() *stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.next
	l.next = nil
	if s != nil {
		l.cur = s
	}
	return s
}

// accept has a stream that the other dialled taken up in place of any older
// one. Of two processes that claim one ID, which is possible while a set is
// late, the one at the published address stays.
func (l *link) accept(s *stream) error {
	l.mu.Lock()
	cur, next := l.cur, l.next
	if l.ended || cur != nil && cur.from(l.member.Address) && !s.from(l.member.Address) {
		l.mu.Unlock()
		return fmt.Errorf("member %d has a stream from its published address", l.id)
	}
	l.next = s
	l.mu.Unlock()
	failAll(errReplaced, cur, next)
	wake(l.arrived)
	return nil
}

func wake(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// knock tells the side that dials, which may be pausing, that we live.
func (l *link) knock(ctx context.Context) {
	if s, err := l.dial(ctx, confirmTimeout); err == nil {
		s.fail(errClosed) // not for us to dial: it never answers
	}
}

// probe returns an error once nothing listens at the peer's port, or the
// context ends. A process that dies closes its streams before its
// listener: what is accepted between the two is reset, and tried again.
func (l *link) probe(ctx context.Context) error {
	for ctx.Err() == nil {
		conn, err := l.dialer(dialTimeout).DialContext(ctx, "tcp", l.address())
		if err != nil {
			return errors.Join(ctx.Err(), err)
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		_, _ = conn.Read(make([]byte, 1)) // a live peer says nothing before it hears a hello
		stop()
		_ = conn.Close()
		select {
		case <-time.After(probePause):
		case <-ctx.Done():
		}
	}
	return nil
}

func (l *link) dialer(timeout time.Duration) *net.Dialer {
	d := &net.Dialer{Timeout: timeout}
	if a, err := netip.ParseAddr(l.n.cfg.Address); err == nil && !a.IsUnspecified() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0))
	}
	return d
}

func (l *link) address() string {
	return netip.AddrPortFrom(netip.MustParseAddr(l.peer().Address), l.n.peerPort()).String()
}

func (l *link) dial(ctx context.Context, timeout time.Duration) (*stream, error) {
	began := time.Now()
	conn, err := l.dialer(timeout).DialContext(ctx, "tcp", l.address())
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	ours := l.n.tls.Clone()
	ours.ServerName = l.n.identity.prove(time.Now(), conn.LocalAddr(), conn.RemoteAddr())
	tc := tls.Client(conn, ours)
	theirs, err := greet(tc, l.n.hello(), l.n.ownSet, timeout-time.Since(began))
	if err == nil && theirs.ID != l.id {
		err = fmt.Errorf("%s answers as member %d, not %d", l.address(), theirs.ID, l.id)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return newStream(tc, *theirs, l.n.epoch, l.n.beat), nil
}

// serve announces the stream and reads it until it breaks, is replaced by a
// newer one or the context ends.
func (l *link) serve(ctx context.Context, s *stream) {
	stop := context.AfterFunc(ctx, func() { s.fail(errClosed) })
	defer stop()
	if !l.n.identity.trusts(s.conn) { // the keys changed since its handshake
		s.fail(errKeyGone)
	}
	s.run()
	if l.n.stuck.Load() { // it went unseen as the streams were ended
		s.part(kindAway, errAway)
	}
	l.n.peerUp(l, s)
	s.read(func(kind uint8, payload []byte) { l.n.deliver(l.id, s, kind, payload) })
	l.mu.Lock()
	if l.cur == s {
		l.cur = nil
	}
	l.broken = time.Now()
	l.mu.Unlock()
	s.wait()
}

// brokenSince is when the last stream ended.
func (l *link) brokenSince() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// pause waits with jitter, or until the member has knocked.
func (l *link) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d/2 + rand.N(d))
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.nudge:
	case <-ctx.Done():
	}
}

// refused tells whether nothing listens at the peer's port: its process is gone.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }
