package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sipring/sipring/proxy/flow"
)

// browser is the far end of a WebSocket.
type browser struct{ *phone }

func (h *far) browse(transport flow.Transport, d ws.Dialer) (browser, error) {
	h.t.Helper()
	d.TLSConfig = testIdentity(h.t).client
	scheme := "ws://"
	if transport.Secure() {
		scheme = "wss://"
	}
	c, _, _, err := d.Dial(context.Background(), scheme+h.stack.AddressOf(transport, 0).String()+"/sip")
	if err != nil {
		return browser{}, err
	}
	return browser{newPhone(h.t, c)}, nil
}

func (h *far) browser(transport flow.Transport) browser {
	h.t.Helper()
	b, err := h.browse(transport, ws.Dialer{Protocols: []string{"sip"}})
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func (b browser) frame(op ws.OpCode, last bool, text string) {
	b.t.Helper()
	b.write(string(ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(op, last, []byte(text))))))
}

// readsFrame fails unless this is the next.
func (b browser) readsFrame(op ws.OpCode, text string) {
	b.t.Helper()
	h, err := ws.ReadHeader(b.text)
	if err != nil || h.OpCode != op || h.Length != int64(len(text)) {
		b.t.Errorf("read %+v, %v, want %v of %d bytes", h, err, op, len(text))
		return
	}
	b.reads(text)
}

func (b browser) readsClose(code ws.StatusCode) {
	b.t.Helper()
	b.readsFrame(ws.OpClose, string(ws.NewCloseFrameBody(code, "")))
	b.readsEnd()
}

func overWebSocket(t testing.TB) []StreamConfig {
	socket := WebSocket{Path: "/sip", Origins: []string{"https://phone.example", "https://desk.example:443", "http://desk.example:80"}}
	return []StreamConfig{
		{Transport: flow.WS, Listener: 80, WebSocket: socket},
		{Transport: flow.WSS, Listener: 443, WebSocket: socket, TLS: testIdentity(t).server},
	}
}

func TestRFC7118_5_Messages(t *testing.T) {
	h := streamStack(t, overWebSocket(t)...)
	noLength := "OPTIONS sip:a@a.example SIP/2.0\r\n\r\n"
	for _, transport := range []flow.Transport{flow.WS, flow.WSS} {
		b := h.browser(transport)
		b.frame(ws.OpText, true, noLength)
		got := await(t, h.messages, 1, "messages")
		if got.text != noLength || got.flow.Transport != transport || !got.flow.IsValid() {
			t.Errorf("%s: got %+v", transport, got)
		}
		if err := h.stack.Send(got.flow, []byte("text")); err != nil {
			t.Error(err)
		}
		b.readsFrame(ws.OpText, "text")
		if err := h.stack.Send(got.flow, []byte("\xff")); err != nil {
			t.Error(err)
		}
		b.readsFrame(ws.OpBinary, "\xff") // which may not be text (RFC 6455 5.6)
		long := options("a", strings.Repeat("x", 60<<10))
		b.frame(ws.OpBinary, false, long[:10])
		b.frame(ws.OpPing, true, "ping")
		b.readsFrame(ws.OpPong, "ping")
		b.frame(ws.OpContinuation, false, long[10:50_000])
		b.frame(ws.OpContinuation, true, long[50_000:])
		if got := await(t, h.messages, 1, "messages"); got.text != long {
			t.Errorf("%s: got %d bytes, want %d", transport, len(got.text), len(long))
		}
		if err := h.stack.Send(got.flow, []byte(long)); err != nil {
			t.Error(err)
		}
		b.readsFrame(ws.OpBinary, long)
		b.frame(ws.OpText, true, "\r\n\r\n")
		b.readsFrame(ws.OpText, "\r\n")
		b.frame(ws.OpText, true, "\r\n")
		b.frame(ws.OpClose, true, string(ws.NewCloseFrameBody(ws.StatusGoingAway, "bye")))
		b.readsClose(ws.StatusGoingAway)
		_ = b.Close()
		if over := await(t, h.closed, 1, "closed"); !errors.Is(over.err, errClosed[closedByPeer]) {
			t.Errorf("%s: closed because %v", transport, over.err)
		}
	}
}

// What a WebSocket may not do ends it, with the code that says so.
func TestRFC6455_7_FailedConnections(t *testing.T) {
	h := streamStack(t, overWebSocket(t)...)
	compressed := ws.NewFrame(ws.OpText, true, []byte("x"))
	compressed.Header.Rsv = ws.Rsv(true, false, false)
	for name, tt := range map[string]struct {
		frame ws.Frame
		want  ws.StatusCode
		why   closeReason
	}{
		"compressed": {ws.MaskFrame(compressed), ws.StatusProtocolError, closedGarbage},
		"not masked": {ws.NewTextFrame([]byte("x")), ws.StatusProtocolError, closedGarbage},
		"too large":  {ws.MaskFrame(ws.NewBinaryFrame(make([]byte, largeBuffer))), ws.StatusMessageTooBig, closedTooLarge},
		"no UTF-8":   {ws.MaskFrame(ws.NewTextFrame([]byte("\xff"))), ws.StatusInvalidFramePayloadData, closedGarbage},
	} {
		b := h.browser(flow.WSS)
		_, _ = b.Write(ws.MustCompileFrame(tt.frame))
		b.readsClose(tt.want)
		_ = b.Close()
		if over := await(t, h.closed, 1, "closed"); !errors.Is(over.err, errClosed[tt.why]) {
			t.Errorf("%s: closed because %v", name, over.err)
		}
	}
	b := h.browser(flow.WS)
	b.frame(ws.OpText, true, options("a", ""))
	h.stack.Disconnect(await(t, h.messages, 1, "messages").flow)
	b.readsClose(ws.StatusGoingAway)
}

func TestRFC7118_4_Handshake(t *testing.T) {
	h := streamStack(t, overWebSocket(t)...)
	origin := func(o string) ws.HandshakeHeader { return ws.HandshakeHeaderHTTP(http.Header{"Origin": {o}}) }
	for name, tt := range map[string]struct {
		dialer ws.Dialer
		status int
	}{
		"no browser":          {ws.Dialer{Protocols: []string{"sip"}}, 0},
		"one of several":      {ws.Dialer{Protocols: []string{"msrp", "sip"}}, 0},
		"an allowed origin":   {ws.Dialer{Protocols: []string{"sip"}, Header: origin("https://Phone.example")}, 0},
		"its own port":        {ws.Dialer{Protocols: []string{"sip"}, Header: origin("https://phone.example:443")}, 0},
		"a port left out":     {ws.Dialer{Protocols: []string{"sip"}, Header: origin("https://desk.example")}, 0},
		"of http as well":     {ws.Dialer{Protocols: []string{"sip"}, Header: origin("http://desk.example")}, 0},
		"another port":        {ws.Dialer{Protocols: []string{"sip"}, Header: origin("https://phone.example:80")}, 403},
		"another origin":      {ws.Dialer{Protocols: []string{"sip"}, Header: origin("https://phone.example.evil.example")}, 403},
		"another scheme":      {ws.Dialer{Protocols: []string{"sip"}, Header: origin("http://phone.example")}, 403},
		"an opaque origin":    {ws.Dialer{Protocols: []string{"sip"}, Header: origin("null")}, 403},
		"no subprotocol":      {ws.Dialer{}, 400},
		"another subprotocol": {ws.Dialer{Protocols: []string{"msrp"}}, 400},
	} {
		_, err := h.browse(flow.WSS, tt.dialer)
		var status ws.StatusError
		_ = errors.As(err, &status)
		if int(status) != tt.status || (err == nil) != (tt.status == 0) {
			t.Errorf("%s: %v, want %d", name, err, tt.status)
		}
	}
	for request, want := range map[string]string{
		"GET /other HTTP/1.1\r\nHost: a\r\n\r\n": "HTTP/1.1 404",
		"GET /sip HTTP/1.1\r\nHost: a\r\n\r\n":   "HTTP/1.1 400",
		"POST /sip HTTP/1.1\r\nHost: a\r\n\r\n":  "HTTP/1.1 405",
	} {
		p := h.dial(flow.WS)
		p.write(request)
		line, err := bufio.NewReader(p.Conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, want) {
			t.Errorf("%q: %q, %v, want %s", request, line, err, want)
		}
		_ = p.Close()
	}
	p := h.dial(flow.WS)
	p.write(options("a", ""))
	p.readsEnd()
	p = h.dial(flow.WS)
	_, _ = io.Copy(p.Conn, io.MultiReader(strings.NewReader("GET /sip HTTP/1.1\r\n"), bytes.NewReader(bytes.Repeat([]byte("X: y\r\n"), maxUpgrade))))
	_, _ = io.Copy(io.Discard, p.text)
	_ = p.Close()
	h.awaitHandshakes(handshakeRefused, 6)
	h.awaitHandshakes(handshakeMalformed, 4)
	if len(h.messages)+len(h.closed) > 0 {
		t.Error("a connection without a handshake became a flow")
	}
}
