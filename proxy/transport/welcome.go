package transport

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/transport/proxyheader"
)

// handshakeResult is what became of what precedes the first message.
type handshakeResult uint8

const (
	handshakeDone      handshakeResult = iota
	handshakeTimeout                   // it took too long
	handshakeEnded                     // the far end, or a limit, ended it
	handshakeTLS                       // no TLS that we speak, or no certificate that is trusted
	handshakeRefused                   // a WebSocket of another path, origin or subprotocol
	handshakeMalformed                 // no WebSocket handshake that can be read
	handshakeProxy                     // a PROXY header where none may be, or none where one must be
	handshakeResults
)

var handshakeNames = [handshakeResults]string{"done", "timeout", "ended", "tls", "refused", "malformed", "proxy_header"}

func (r handshakeResult) String() string { return handshakeNames[r] }

// welcome does what precedes the first message: PROXY header, TLS, WebSocket, within one
// deadline.
func (c *conn) welcome(l *streamListener) handshakeResult {
	c.allow(c.limits.Handshake)
	trusted := slices.ContainsFunc(l.proxies, func(p netip.Prefix) bool { return p.Contains(c.flow.Remote.Addr()) })
	if trusted {
		if result := c.readProxyHeader(); result != handshakeDone {
			return result
		}
	}
	source := c.flow.Remote.Addr()
	if !l.limits.Places.Exempt(source) && !l.rate.Allow(c.streams.now(), source, 1) {
		c.end(closedRate)
		return handshakeEnded
	}
	c.table.Add(c)
	result := c.secure(l)
	if result == handshakeDone && (l.transport == flow.WS || l.transport == flow.WSS) {
		result = c.upgrade(l)
	}
	if result == handshakeTLS || result == handshakeMalformed {
		if !trusted && c.out.beganWithProxyHeader() {
			c.end(closedProxyHeader)
			return handshakeProxy
		}
	}
	return result
}

// turnAway ends a connection whose handshake failed: what is wrong with it may have been
// said, and is to arrive.
func (c *conn) turnAway(result handshakeResult) {
	said := result == handshakeTLS || result == handshakeRefused || result == handshakeMalformed
	if said && c.leave(closedHandshake) {
		c.discard()
	}
}

// secure does the handshake of TLS.
func (c *conn) secure(l *streamListener) handshakeResult {
	if !l.transport.Secure() {
		return handshakeDone
	}
	t := tls.Server(c.out.asSecure(), l.tls)
	c.out.turn.of, c.out.turn.source = c.streams.turns, limit.Source(c.flow.Remote.Addr())
	defer func() {
		c.out.turn.leave()
		c.out.turn.of = nil
	}()
	if err := t.Handshake(); err != nil { //nolint:noctx // it has a deadline, and nothing else to be cancelled by
		return c.failed(err, handshakeTLS)
	}
	if t.ConnectionState().Version < tls.VersionTLS12 { // by a configuration that GetConfigForClient chose
		return handshakeTLS
	}
	c.top = t
	return handshakeDone
}

// failed is why a handshake has not come to its end: otherwise is for what is neither
// time nor the network.
func (c *conn) failed(err error, otherwise handshakeResult) handshakeResult {
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout():
		return handshakeTimeout
	case c.over() || errors.Is(err, io.EOF) || isReset(err):
		return handshakeEnded
	}
	return otherwise
}

// readProxyHeader takes the address of who is behind a load balancer from what it says
// first, and leaves what follows to be read.
func (c *conn) readProxyHeader() handshakeResult {
	var b [proxyheader.MaxLen]byte
	for have := 0; ; {
		n, err := c.out.Read(b[have:])
		have += n
		source, length, fault := proxyheader.Parse(b[:have])
		switch {
		case fault != nil:
			c.end(closedProxyHeader)
			return handshakeProxy
		case length > 0:
			if source.IsValid() {
				c.flow.Remote = source
			}
			c.out.unread(b[length:have])
			return handshakeDone
		case err != nil:
			return c.failed(err, handshakeEnded)
		}
	}
}
