package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// wsPorts are those of the listeners of WebSocket.
var wsPorts = map[flow.Transport]uint16{flow.WS: 8080, flow.WSS: 8443}

// forBrowsers has a member listen for WebSocket beside everything else.
func forBrowsers(o *proxyOptions) {
	everyTransport(o)
	socket := config.ListenerWebSocket{Path: "/sip", Origins: []string{"https://phone.example"}}
	o.config.Listeners = append(o.config.Listeners,
		config.Listener{Name: "ws", Protocol: config.ProtocolWS, Port: int(wsPorts[flow.WS]), WebSocket: &socket},
		config.Listener{Name: "wss", Protocol: config.ProtocolWSS, Port: int(wsPorts[flow.WSS]), WebSocket: &socket, TLS: &config.ListenerTLS{Certificates: []string{"/given"}}})
	o.tls["wss"] = o.tls["tls"]
	o.config.ApplyDefaults()
}

// webSocket is a connection of a browser's: each Write is a message of one frame, and Read
// has the payload of what frames came, text and binary. Other frames are for frame.
type webSocket struct {
	net.Conn
	op      ws.OpCode // of what is written
	cut     bool      // into frames of a few bytes, with a ping between the first two
	control []ws.Frame
	rest    []byte
}

func (c *webSocket) Write(b []byte) (int, error) {
	if !c.cut {
		return len(b), c.frame(ws.NewFrame(c.op, true, b))
	}
	op, between := c.op, ws.NewPingFrame([]byte("between"))
	for rest := b; ; {
		n := min(len(rest), 100)
		if err := c.frame(ws.NewFrame(op, n == len(rest), rest[:n])); err != nil || n == len(rest) {
			return len(b), err
		}
		if op != ws.OpContinuation {
			if err := c.frame(between); err != nil {
				return 0, err
			}
		}
		op, rest = ws.OpContinuation, rest[n:]
	}
}

// frame sends a frame as a client has to, masked.
func (c *webSocket) frame(f ws.Frame) error {
	f.Payload = append([]byte(nil), f.Payload...) // masked in place
	return ws.WriteFrame(c.Conn, ws.MaskFrameInPlace(f))
}

// next reads a frame: of a server's none is longer than a message may be.
func (c *webSocket) next() (f ws.Frame, err error) {
	if f.Header, err = ws.ReadHeader(c.Conn); err != nil {
		return f, err
	}
	if f.Header.Length > 1<<17 {
		return f, fmt.Errorf("a frame of %d bytes", f.Header.Length)
	}
	f.Payload = make([]byte, f.Header.Length)
	_, err = io.ReadFull(c.Conn, f.Payload)
	return f, err
}

func (c *webSocket) Read(b []byte) (int, error) {
	for len(c.rest) == 0 {
		f, err := c.next()
		if err != nil {
			return 0, err
		}
		if f.Header.OpCode.IsControl() {
			c.control = append(c.control, f)
			continue
		}
		c.rest = f.Payload
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// nextControl is the next control frame; messages before it are passed over.
func (c *webSocket) nextControl(t testing.TB) ws.Frame {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for len(c.control) == 0 {
		f, err := c.next()
		if err != nil {
			t.Fatalf("no control frame: %v", err)
		}
		if f.Header.OpCode.IsControl() {
			c.control = append(c.control, f)
		}
	}
	f := c.control[0]
	c.control = c.control[1:]
	return f
}

// browse opens a WebSocket.
func browse(over flow.Transport, x *proxy, path string, d ws.Dialer) (net.Conn, error) {
	scheme := map[flow.Transport]string{flow.WS: "ws", flow.WSS: "wss"}[over]
	d.TLSConfig = &tls.Config{InsecureSkipVerify: true} // other tests see whose certificate it is
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, _, _, err := d.Dial(ctx, fmt.Sprintf("%s://%s%s", scheme, netip.AddrPortFrom(x.addr.Addr(), wsPorts[over]), path))
	return conn, err
}

// newBrowser is a phone in a browser, which does not know its address.
func newBrowser(t testing.TB, over flow.Transport, user string, x *proxy) (*phone, *webSocket) {
	t.Helper()
	conn, err := browse(over, x, "/sip", ws.Dialer{Protocols: []string{"sip"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	socket := &webSocket{Conn: conn, op: ws.OpText}
	over1 := &connection{Conn: socket, transport: over, host: unique("df7jal23ls0d") + ".invalid"}
	return &phone{t: t, user: user, heard: map[string]bool{}, over: over1, addr: conn.LocalAddr().(*net.TCPAddr).AddrPort()}, socket
}

var overWebSocket = []flow.Transport{flow.WS, flow.WSS}

// TestRFC7118_4_1_WhoIsLetIn: who does not ask for the subprotocol sip, and who comes from
// a page that is not named, gets no WebSocket.
func TestRFC7118_4_1_WhoIsLetIn(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, forBrowsers)[0]
	from := func(o string) ws.HandshakeHeader { return ws.HandshakeHeaderHTTP(http.Header{"Origin": {o}}) }
	for name, tt := range map[string]struct {
		path   string
		dialer ws.Dialer
		status int
	}{
		"sip":                {"/sip", ws.Dialer{Protocols: []string{"sip"}}, 0},
		"sip among others":   {"/sip", ws.Dialer{Protocols: []string{"msrp", "sip"}, Header: from("https://phone.example")}, 0},
		"no subprotocol":     {"/sip", ws.Dialer{}, 400},
		"another one":        {"/sip", ws.Dialer{Protocols: []string{"msrp"}}, 400},
		"of another page":    {"/sip", ws.Dialer{Protocols: []string{"sip"}, Header: from("https://evil.example")}, 403},
		"of the page, clear": {"/sip", ws.Dialer{Protocols: []string{"sip"}, Header: from("http://phone.example")}, 403},
		"another path":       {"/other", ws.Dialer{Protocols: []string{"sip"}}, 404},
	} {
		for _, over := range overWebSocket {
			conn, err := browse(over, x, tt.path, tt.dialer)
			var status ws.StatusError
			if _ = errors.As(err, &status); int(status) != tt.status || (err == nil) != (tt.status == 0) {
				t.Errorf("%s over %v: %v, want %d", name, over, err, tt.status)
			}
			if conn != nil {
				_ = conn.Close()
			}
		}
	}
}

// TestRFC7118_5_CallsOfABrowser: a browser that has no address registers, calls a phone of
// UDP and is called by it, in frames of text and binary, whole and in parts.
func TestRFC7118_5_CallsOfABrowser(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2, forBrowsers)
	for _, over := range overWebSocket {
		for name, form := range map[string]webSocket{
			"text": {op: ws.OpText}, "binary": {op: ws.OpBinary}, "text in parts": {op: ws.OpText, cut: true}, "binary in parts": {op: ws.OpBinary, cut: true},
		} {
			t.Run(over.String()+" "+name, func(t *testing.T) {
				alice, socket := newBrowser(t, over, unique("alice"), x[0])
				socket.op, socket.cut = form.op, form.cut
				bob := newPhone(t, unique("bob"))
				bob.register(x[1])
				ok := alice.register(x[0])
				if via := ok.value(wire.HeaderVia); !strings.Contains(via, ".invalid;") || !strings.Contains(via, ";received=127.0.0.1") {
					t.Errorf("the answer goes to Via %s", via)
				}
				if contact := ok.value(wire.HeaderContact); !strings.HasPrefix(contact, "<"+alice.contact()+">") || !strings.Contains(contact, ".invalid;transport=") {
					t.Errorf("bound is %s", contact)
				}
				callsAndIsCalled(t, x, alice, bob)
				if form.cut && string(socket.nextControl(t).Payload) != "between" {
					t.Error("a ping within a message is not answered")
				}
			})
		}
	}
}

// callsAndIsCalled has a browser call a phone of UDP through one member, and the phone the
// browser through another; who was called hangs up.
func callsAndIsCalled(t *testing.T, x []*proxy, browser, desk *phone) {
	t.Helper()
	for _, way := range []struct {
		at       *proxy
		from, to *phone
	}{{x[0], browser, desk}, {x[1], desk, browser}} {
		d := way.from.ring(way.at.addr, "sip:"+way.to.user+"@example.com")
		invite := way.to.request("INVITE")
		over := "UDP"
		if way.to.over != nil {
			over = way.to.over.transport.String()
		}
		if via := invite.values(wire.HeaderVia)[0]; !strings.HasPrefix(via, "SIP/2.0/"+over+" ") || string(invite.RequestURI()) != way.to.contact() {
			t.Errorf("for %s, Via %s", invite.RequestURI(), via)
		}
		way.to.reply(invite, 200, "OK", "b", "Contact: <"+way.to.contact()+">")
		d.answered(way.from.status(200))
		d.ack()
		way.to.request("ACK")
		far := way.to.callee(invite, "b")
		far.send("BYE")
		way.from.reply(way.from.request("BYE"), 200, "OK", "")
		way.to.status(200)
	}
}

// TestRFC7118_6_KeepAlives: pings and pairs of line ends are answered, and a close frame
// with one.
func TestRFC7118_6_KeepAlives(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, forBrowsers)[0]
	for _, over := range overWebSocket {
		alice, socket := newBrowser(t, over, "alice", x)
		if err := socket.frame(ws.NewPingFrame([]byte("are you there"))); err != nil {
			t.Fatal(err)
		}
		if f := socket.nextControl(t); f.Header.OpCode != ws.OpPong || string(f.Payload) != "are you there" {
			t.Errorf("%v: a ping is answered by %+v", over, f)
		}
		if _, err := socket.Write([]byte("\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		_ = socket.SetReadDeadline(time.Now().Add(patience))
		b := make([]byte, 10)
		if n, err := socket.Read(b); err != nil || string(b[:n]) != "\r\n" {
			t.Errorf("%v: a keep-alive is answered by %q, %v", over, b[:n], err)
		}
		alice.register(x) // it is still there
		if err := socket.frame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusNormalClosure, ""))); err != nil {
			t.Fatal(err)
		}
		if f := socket.nextControl(t); f.Header.OpCode != ws.OpClose {
			t.Errorf("%v: a close frame is answered by %+v", over, f)
		}
		alice.hungUp()
	}
}

// TestRFC6455_7_WhatEndsAWebSocket: frames that may not be, and messages larger than any of
// SIP may be, end the WebSocket with the code that says so.
func TestRFC6455_7_WhatEndsAWebSocket(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, forBrowsers)[0]
	compressed := ws.NewTextFrame([]byte("x"))
	compressed.Header.Rsv = ws.Rsv(true, false, false)
	for name, tt := range map[string]struct {
		frame ws.Frame
		want  ws.StatusCode
	}{
		"compressed": {compressed, ws.StatusProtocolError},
		"oversized":  {ws.NewBinaryFrame(make([]byte, 1<<20)), ws.StatusMessageTooBig},
		"no UTF-8":   {ws.NewTextFrame([]byte("\xff")), ws.StatusInvalidFramePayloadData},
	} {
		for _, over := range overWebSocket {
			alice, socket := newBrowser(t, over, "alice", x)
			_ = socket.frame(tt.frame) // the end may come before all of it is written
			f := socket.nextControl(t)
			if code, _ := ws.ParseCloseFrameData(f.Payload); f.Header.OpCode != ws.OpClose || code != tt.want {
				t.Errorf("%s over %v: %v %d, want %d", name, over, f.Header.OpCode, code, tt.want)
			}
			alice.hungUp()
		}
	}
}
