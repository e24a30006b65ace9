package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/proxy/connlimit"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/limit"
)

// streamListener is where connections of one transport come in.
type streamListener struct {
	net       *net.TCPListener
	address   netip.AddrPort
	transport flow.Transport
	listener  uint16
	tls       *tls.Config
	ws        WebSocket
	proxies   []netip.Prefix
	limits    StreamLimits
	roams     bool
	table     *connlimit.Table
	rate      *limit.Limiter
}

func listenStream(c *StreamConfig, trusted func(netip.Addr) bool) (*streamListener, error) {
	l := &streamListener{
		transport: c.Transport, listener: c.Listener, tls: c.TLS, ws: c.WebSocket, proxies: c.ProxyFrom, limits: c.Limits.withDefaults(), roams: c.Roams,
	}
	switch {
	case c.Transport != flow.TCP && c.Transport != flow.TLS && c.Transport != flow.WS && c.Transport != flow.WSS:
		return nil, fmt.Errorf("listen on %s: %w", c.Transport, ErrNoTransport)
	case c.Transport.Secure() && c.TLS == nil:
		return nil, fmt.Errorf("listen on %s %s: no certificates", c.Transport, c.Address)
	}
	network := "tcp6"
	if plain(c.Address).Addr().Is4() {
		network = "tcp4"
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if !c.Shared {
			return nil
		}
		failed := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return errors.Join(failed, err)
	}}
	lc.SetMultipathTCP(false) // a connection of that takes no options of TCP, such as how long it may be unanswered
	listener, err := lc.Listen(context.Background(), network, plain(c.Address).String())
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", c.Transport, err)
	}
	l.net, l.address = listener.(*net.TCPListener), plain(listener.Addr().(*net.TCPAddr).AddrPort())
	if l.tls != nil && l.tls.MinVersion < tls.VersionTLS12 {
		l.tls = l.tls.Clone()
		l.tls.MinVersion = tls.VersionTLS12
	}
	l.limits.Places.Exempt = trusted
	l.table = connlimit.New(l.limits.Places)
	l.rate = limit.New(limit.Config{Rate: l.limits.PerSecond, Burst: max(l.limits.Places.PerSource, l.limits.PerSecond), Slots: 1 << 12})
	return l, nil
}

// accept takes connections until the listener is closed. All that they have to do
// first is theirs: nobody waits for another's handshake.
func (s *streams) accept(l *streamListener) {
	for {
		tcp, err := l.net.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptor is left, as a rule: the kernel keeps the next ones
			s.metrics.acceptErrors.Inc()
			time.Sleep(acceptPause)
			continue
		}
		c, err := s.newConn(tcp, l, l.table)
		if err != nil || !s.hold(c) {
			_ = tcp.Close()
			continue
		}
		s.goroutines.Go(func() { c.serve(l) })
	}
}

// acceptPause is how long nothing is accepted after an error.
const acceptPause = 10 * time.Millisecond

// serve is the life of a connection that was accepted.
func (c *conn) serve(l *streamListener) {
	defer c.streams.release(c)
	c.counts.handshaking.Inc()
	result := c.welcome(l)
	c.counts.handshaking.Dec()
	c.streams.metrics.handshakes[result].Inc()
	if result != handshakeDone {
		c.turnAway(result)
		return
	}
	c.publish()
	c.read(c.limits.First)
	c.streams.dials.disown(c)
	c.settle()
}
