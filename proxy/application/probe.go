package application

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/transport/frame"
)

// prober makes one check at a time, which ends by the deadline, or with ctx.
type prober interface {
	probe(ctx context.Context, deadline time.Time) Result
	close()
}

// newProber is what the application at a host is checked by.
func newProber(app *config.LocalApp, host netip.Addr) prober {
	to := netip.AddrPortFrom(host, uint16(app.Port))
	switch {
	case app.Health.Check == config.CheckNone:
		return nothing{}
	case app.Health.Check == config.CheckTCP:
		return connecting{to: to}
	case app.Protocol == config.ProtocolTCP:
		return connecting{to: to, ask: true}
	}
	return &datagrams{to: to}
}

// nothing asks nobody.
type nothing struct{}

func (nothing) probe(context.Context, time.Time) Result { return Healthy }
func (nothing) close()                                  {}

// datagrams asks over a connected UDP socket of its own: what comes from elsewhere the kernel drops, and of a port that
// nobody listens at it tells.
type datagrams struct {
	to   netip.AddrPort
	conn net.Conn // nil: none yet
	buf  [maxAnswer]byte
}

func (d *datagrams) probe(ctx context.Context, deadline time.Time) Result {
	if d.conn == nil {
		conn, err := (&net.Dialer{Deadline: deadline}).DialContext(ctx, "udp", d.to.String())
		if err != nil {
			return result(err)
		}
		d.conn = conn
	}
	defer until(ctx, d.conn, deadline)()
	q := newQuestion(config.ProtocolUDP, d.conn.LocalAddr().(*net.UDPAddr).AddrPort(), d.to)
	_, err := d.conn.Write(q.text)
	if errors.Is(err, syscall.ECONNREFUSED) { // as an earlier question was, which is told but now
		_, err = d.conn.Write(q.text)
	}
	if err != nil {
		return result(err)
	}
	for range maxRead {
		n, err := d.conn.Read(d.buf[:])
		if err != nil {
			return result(err)
		}
		if r, final := q.answer(d.buf[:n]); final {
			return r
		}
	}
	return Failed
}

func (d *datagrams) close() {
	if d.conn != nil {
		_ = d.conn.Close()
		d.conn = nil
	}
}

// connecting opens a connection for each check, as a call may need one, and asks over it.
type connecting struct {
	to  netip.AddrPort
	ask bool
}

func (c connecting) probe(ctx context.Context, deadline time.Time) Result {
	conn, err := (&net.Dialer{Deadline: deadline}).DialContext(ctx, "tcp", c.to.String())
	if err != nil {
		return result(err)
	}
	defer func() { _ = conn.Close() }()
	if !c.ask {
		return Healthy
	}
	defer until(ctx, conn, deadline)()
	q := newQuestion(config.ProtocolTCP, conn.LocalAddr().(*net.TCPAddr).AddrPort(), c.to)
	if _, err := conn.Write(q.text); err != nil {
		return Failed
	}
	return q.readStream(conn)
}

func (connecting) close() {}

// readStream reads messages until the answer, so many at most, and of no more than maxAnswer bytes each.
func (q *question) readStream(from io.Reader) Result {
	var scanner frame.Scanner
	buf, have := make([]byte, maxAnswer), 0
	for range maxRead {
		switch kind, n := scanner.Next(buf[:have]); {
		case kind == frame.More && n <= len(buf) && have < len(buf):
			read, err := from.Read(buf[have:])
			if err != nil {
				return Failed
			}
			have += read
		case kind == frame.Message, kind == frame.NoLength:
			if r, final := q.answer(buf[:n]); final {
				return r
			}
			have = copy(buf, buf[n:have])
		case kind == frame.Ping, kind == frame.LineEnd:
			have = copy(buf, buf[n:have])
		default:
			return Failed
		}
	}
	return Failed
}

// until has what is read and written fail from a deadline on, or when ctx ends. release is to be called before another
// deadline is set.
func until(ctx context.Context, conn net.Conn, deadline time.Time) (release func()) {
	_ = conn.SetDeadline(deadline)
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = conn.SetDeadline(time.Unix(1, 0))
	})
	return func() {
		if !stop() {
			<-ended
		}
	}
}

// result is what an error of a socket says of the application.
func result(err error) Result {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return Refused
	}
	return Failed
}
