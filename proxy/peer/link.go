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

	"github.com/sipring/sipring/proxy/config"
)

// Timing of a link.
const (
	dialTimeout    = time.Second
	confirmTimeout = 250 * time.Millisecond
	minBackoff     = 10 * time.Millisecond
	maxBackoff     = 500 * time.Millisecond
)

// link is this member's relation to one other: it keeps one stream up and
// decides when the other is down. The member with the lower ID dials; the
// other, whose stream broke, probes the peer's port instead, so that both
// learn of a dead process within a round trip.
type link struct {
	n        *Node
	member   config.Member
	stop     context.CancelFunc
	accepted chan *stream  // streams the other dialled
	nudge    chan struct{} // gossip saw the member: redial at once

	mu     sync.Mutex
	cur    *stream
	broken time.Time // when the last stream ended
}

func (l *link) stream() *stream {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cur
}

func (l *link) set(s *stream) {
	l.mu.Lock()
	l.cur = s
	l.mu.Unlock()
}

// run keeps the link until the context ends.
func (l *link) run(ctx context.Context) {
	defer l.drop()
	if l.n.self.ID < l.member.ID {
		l.dialling(ctx)
		return
	}
	l.accepting(ctx)
}

func (l *link) drop() {
	if s := l.stream(); s != nil {
		s.fail(errClosed)
	}
	select {
	case s := <-l.accepted:
		s.fail(errClosed)
	default:
	}
}

// dialling is the life of a link on the side that dials. A stream that breaks
// is dialled again at once: if that is refused or takes too long the member is
// down.
func (l *link) dialling(ctx context.Context) {
	backoff, timeout, up := minBackoff, dialTimeout, false
	for ctx.Err() == nil {
		s, err := l.dial(ctx, timeout)
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
		backoff, timeout, up = minBackoff, confirmTimeout, true
		l.serve(ctx, s)
	}
	if up {
		l.n.peerDown(l, errClosed)
	}
}

// accepting is the life of a link on the side that is dialled.
func (l *link) accepting(ctx context.Context) {
	up := false
	var last error
	for ctx.Err() == nil {
		s, err := l.await(ctx, up, last)
		if err != nil {
			if up {
				l.n.peerDown(l, err)
				up = false
			}
			continue
		}
		up = true
		l.serve(ctx, s)
		last = s.cause()
	}
	if up {
		l.n.peerDown(l, errClosed)
	}
}

// await waits for the other to dial. While the member still counts as up its
// port is probed: a refusal, or no new stream in time, says that it is down.
func (l *link) await(ctx context.Context, up bool, last error) (*stream, error) {
	if !up {
		select {
		case s := <-l.accepted:
			return s, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	probe := make(chan error, 1)
	go func() { probe <- l.probe(ctx) }()
	timer := time.NewTimer(confirmTimeout)
	defer timer.Stop()
	for {
		select {
		case s := <-l.accepted:
			return s, nil
		case err := <-probe:
			if err != nil {
				return nil, err
			}
		case <-timer.C:
			return nil, fmt.Errorf("no new stream after: %w", last)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// probe returns an error once nothing listens at the peer's port, and nil when
// the context ends before. A process that dies closes its streams before its
// listener: what is accepted between the two is reset, and tried again.
func (l *link) probe(ctx context.Context) error {
	for ctx.Err() == nil {
		conn, err := l.dialer(confirmTimeout).DialContext(ctx, "tcp", l.address())
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		_, _ = conn.Read(make([]byte, 1)) // a live peer says nothing before it hears a hello
		stop()
		_ = conn.Close()
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
	return netip.AddrPortFrom(netip.MustParseAddr(l.member.Address), l.n.peerPort()).String()
}

func (l *link) dial(ctx context.Context, timeout time.Duration) (*stream, error) {
	conn, err := l.dialer(timeout).DialContext(ctx, "tcp", l.address())
	if err != nil {
		return nil, err
	}
	tc := tls.Client(conn, l.n.tls)
	theirs, err := exchange(tc, l.n.hello(), timeout)
	if err == nil && theirs.ID != l.member.ID {
		err = fmt.Errorf("%s answers as member %d, not %d", l.address(), theirs.ID, l.member.ID)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return newStream(tc, *theirs, l.n.epoch), nil
}

// serve announces the stream and reads it until it breaks, is replaced by a
// newer one or the context ends.
func (l *link) serve(ctx context.Context, s *stream) {
	l.set(s)
	stop := context.AfterFunc(ctx, func() { s.fail(errClosed) })
	defer stop()
	go s.write()
	l.n.peerUp(l, s)
	s.read(func(kind uint8, payload []byte) { l.n.deliver(l.member.ID, s, kind, payload) })
	l.mu.Lock()
	l.cur, l.broken = nil, time.Now()
	l.mu.Unlock()
}

// brokenSince is when the last stream ended.
func (l *link) brokenSince() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// accept takes a stream that the other dialled; an older one is replaced.
func (l *link) accept(s *stream) {
	if old := l.stream(); old != nil {
		old.fail(errors.New("replaced by a newer stream"))
	}
	select {
	case old := <-l.accepted:
		old.fail(errors.New("replaced by a newer stream"))
	default:
	}
	select {
	case l.accepted <- s:
	default:
		s.fail(errClosed)
	}
}

// pause waits with jitter, or until gossip has seen the member.
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
