package phones

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"github.com/sipring/sipring/proxy/flow"
)

// stream is one connection, of whole messages. write may be called concurrently.
type stream interface {
	read() ([]byte, error)
	write(message []byte) error
	Close() error
	LocalAddr() net.Addr
}

// openLimit is how long a connection may take to be there.
const openLimit = 4 * time.Second

// open connects to the cluster.
func (c *Config) open(ctx context.Context, to netip.AddrPort) (stream, error) {
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	conn, err := c.dial(ctx, to)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	s, err := c.greet(ctx, conn, to)
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%s: %w", to, err)
	}
	return s, nil
}

func (c *Config) dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	if c.Dial != nil {
		return c.Dial(ctx, c.Local, to)
	}
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(c.Local)}
	return d.DialContext(ctx, "tcp", to.String())
}

// greet does what a transport begins with.
func (c *Config) greet(ctx context.Context, conn net.Conn, to netip.AddrPort) (stream, error) {
	if c.Transport.Secure() {
		secret := tls.Client(conn, c.clientTLS())
		if err := secret.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		conn = secret
	}
	if c.Transport != flow.WS && c.Transport != flow.WSS {
		return &byteStream{Conn: conn, in: bufio.NewReader(conn)}, nil
	}
	d := ws.Dialer{Protocols: []string{"sip"}} // RFC 7118 4.1
	in, hs, err := d.Upgrade(conn, c.url(to))
	if err != nil {
		return nil, fmt.Errorf("WebSocket: %w", err)
	}
	if hs.Protocol != "sip" {
		return nil, fmt.Errorf("WebSocket: subprotocol %q", hs.Protocol)
	}
	s := &webSocket{Conn: conn, in: conn}
	if in != nil { // it has what came with the handshake
		s.in = in
	}
	return s, nil
}

// clientTLS is by whom and for what name the cluster must prove itself: its SIP domain
// (RFC 5922 7.2), if no other is given.
func (c *Config) clientTLS() *tls.Config {
	t := c.TLS.Clone()
	if t == nil {
		t = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if t.ServerName == "" {
		t.ServerName = c.Domain
	}
	return t
}

// byteStream is one of TCP or TLS (RFC 3261 18.3).
type byteStream struct {
	net.Conn
	in *bufio.Reader
}

// maxMessage is the longest message that a phone takes, in bytes.
const maxMessage = 64 << 10

func (s *byteStream) read() ([]byte, error) {
	var message []byte
	length := 0
	for {
		line, err := s.in.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		end := len(bytes.TrimRight(line, "\r\n")) == 0
		if end && len(message) == 0 {
			continue // between messages: an answer to a keep-alive (RFC 5626 3.5.1)
		}
		if message = append(message, line...); len(message) > maxMessage {
			return nil, errors.New("a message that is too long")
		}
		if end {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if name = bytes.TrimSpace(name); bytes.EqualFold(name, []byte("Content-Length")) || bytes.EqualFold(name, []byte("l")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil || length < 0 || length > maxMessage {
				return nil, fmt.Errorf("Content-Length %q", value)
			}
		}
	}
	body := make([]byte, length)
	_, err := io.ReadFull(s.in, body)
	return append(message, body...), err
}

func (s *byteStream) write(message []byte) error {
	_, err := s.Write(message)
	return err
}

// webSocket is one of WS or WSS (RFC 7118 5).
type webSocket struct {
	net.Conn
	in io.Reader

	mu sync.Mutex // of Write
}

func (s *webSocket) read() ([]byte, error) {
	for {
		message, _, err := wsutil.ReadServerData(s.both())
		if err != nil || len(bytes.Trim(message, "\r\n")) > 0 {
			return message, err
		}
	}
}

// both are what is read, and where control frames are answered.
func (s *webSocket) both() io.ReadWriter {
	return struct {
		io.Reader
		io.Writer
	}{s.in, s}
}

func (s *webSocket) write(message []byte) error {
	frame, err := ws.CompileFrame(ws.MaskFrame(ws.NewTextFrame(message)))
	if err != nil {
		return err
	}
	_, err = s.Write(frame)
	return err
}

// Write writes whole frames.
func (s *webSocket) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Conn.Write(b)
}
