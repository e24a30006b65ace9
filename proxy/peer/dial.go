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

// dialler connects to the peer ports of others. It changes nothing, so it is safe
// for concurrent use.
type dialler struct {
	from       string // this member's own address
	port       uint16
	identity   *identity
	tls        *tls.Config // of identity
	membership *membership
	view       *current
	links      *links
	wire       func(net.Conn) net.Conn // Config.wire
}

// dial connects to the member, says and hears a hello, and returns the stream.
func (d *dialler) dial(ctx context.Context, id uint32, address string, timeout time.Duration) (*stream, error) {
	began := time.Now()
	to := d.at(address)
	conn, err := d.dialer(timeout).DialContext(ctx, "tcp", to)
	if err != nil {
		return nil, err
	}
	if d.wire != nil {
		conn = d.wire(conn)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	ours := d.tls.Clone()
	ours.ServerName = d.identity.prove(time.Now(), conn.LocalAddr(), conn.RemoteAddr())
	tc := tls.Client(conn, ours)
	theirs, err := greet(tc, d.membership.hello(), d.view.marshalSet, timeout-time.Since(began))
	if err == nil && theirs.ID != id {
		err = fmt.Errorf("%s answers as member %d, not %d", to, theirs.ID, id)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return newStream(tc, *theirs, d.view.epoch, d.links.beat), nil
}

// probe returns an error once nothing listens at the peer's port, or the
// context ends. A process that dies closes its streams before its
// listener: what is accepted between the two is reset, and tried again.
func (d *dialler) probe(ctx context.Context, address func() string) error {
	for ctx.Err() == nil {
		conn, err := d.dialer(dialTimeout).DialContext(ctx, "tcp", d.at(address()))
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

func (d *dialler) dialer(timeout time.Duration) *net.Dialer {
	out := &net.Dialer{Timeout: timeout}
	if a, err := netip.ParseAddr(d.from); err == nil && !a.IsUnspecified() {
		out.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0))
	}
	return out
}

// at is the peer port of a member's address.
func (d *dialler) at(address string) string {
	return netip.AddrPortFrom(netip.MustParseAddr(address), d.port).String()
}
