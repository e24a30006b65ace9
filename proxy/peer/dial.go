package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

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
