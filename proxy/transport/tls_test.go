package transport

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sipring/sipring/proxy/flow"
)

// dialTLS opens a connection over TLS.
func (h *far) dialTLS(transport flow.Transport) *phone {
	h.t.Helper()
	c, err := tls.Dial("tcp", h.stack.AddressOf(transport, 0).String(), testIdentity(h.t).client)
	if err != nil {
		h.t.Fatal(err)
	}
	return newPhone(h.t, c)
}

func overTLS(t testing.TB) StreamConfig {
	return StreamConfig{Transport: flow.TLS, Listener: 5061, TLS: testIdentity(t).server}
}

func TestStreamsOverTLS(t *testing.T) {
	h := streamStack(t, overTLS(t))
	p := h.dialTLS(flow.TLS)
	text := options("a", strings.Repeat("x", 64<<10))
	p.write("\r\n\r\n" + text)
	p.reads("\r\n")
	got := await(t, h.messages, 1, "messages")
	if got.text != text || got.flow.Transport != flow.TLS || got.flow.Listener != 5061 || !got.flow.IsValid() {
		t.Errorf("got %d bytes over %+v", len(got.text), got.flow)
	}
	if err := h.stack.Send(got.flow, []byte(text)); err != nil {
		t.Error(err)
	}
	p.reads(text)
	h.stack.Disconnect(got.flow) // with close_notify, which makes it an end and not a cut
	if b, err := io.ReadAll(p.text); err != nil || len(b) > 0 {
		t.Errorf("read %q, %v", b, err)
	}
	_ = p.Close()
	if over := await(t, h.closed, 1, "closed"); !errors.Is(over.err, errClosed[closedOnPurpose]) {
		t.Errorf("closed because %v", over.err)
	}
}

// TLS before 1.2 is refused (RFC 8996), also by a configuration that would allow it.
func TestRFC8996_Downgrade(t *testing.T) {
	id := testIdentity(t)
	server := id.server.Clone()
	server.MinVersion = tls.VersionTLS10
	chosen := server.Clone()
	chosen.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return server, nil }
	for name, config := range map[string]*tls.Config{"configured": server, "chosen": chosen} {
		h := streamStack(t, StreamConfig{Transport: flow.TLS, TLS: config})
		for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
			client := id.client.Clone()
			client.MinVersion, client.MaxVersion = tls.VersionTLS10, version
			c, err := tls.Dial("tcp", h.stack.AddressOf(flow.TLS, 0).String(), client)
			if err == nil { // the handshake may be over for us before the other side looks
				p := newPhone(t, c)
				_, _ = io.WriteString(p, options("a", ""))
				p.readsEnd()
				_ = p.Close()
			}
			h.awaitHandshakes(handshakeTLS, 1)
		}
		if len(h.messages) > 0 {
			t.Errorf("%s: a message came", name)
		}
		p := h.dialTLS(flow.TLS)
		p.write(options("echo", ""))
		p.reads(options("echo", ""))
	}
}

// awaitHandshakes waits until more handshakes have come to an end of this kind.
func (h *far) awaitHandshakes(result handshakeResult, more uint64) {
	h.t.Helper()
	upTo(h.t, result.String(), func() bool { return h.stack.streams.metrics.handshakes[result].Load() >= more })
}

// upTo waits for a condition, or fails.
func upTo(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// Half-open handshakes keep nobody out, and are ended in time.
func TestHalfOpenHandshakes(t *testing.T) {
	all := append(overWebSocket(t), overTLS(t))
	for i := range all {
		all[i].Limits.Handshake = 3 * time.Second
	}
	h := streamStack(t, all...)
	const each = 300
	var half []*phone
	for transport, begin := range map[flow.Transport]string{
		flow.TLS: "\x16\x03\x01\x02\x00\x01\x00", flow.WSS: "", flow.WS: "GET /sip HTTP/1.1\r\nHost: a\r\n",
	} {
		for range each {
			p := h.dial(transport)
			p.write(begin)
			half = append(half, p)
		}
	}
	p := h.dialTLS(flow.TLS)
	p.write(options("echo", ""))
	p.reads(options("echo", ""))
	h.browser(flow.WSS).frame(ws.OpText, true, options("a", ""))
	await(t, h.messages, 1, "messages")
	for _, p := range half {
		p.readsEnd()
	}
	h.awaitHandshakes(handshakeTimeout, 3*each)
}

// Who is not trusted to send a PROXY header is not heard, on any transport; and who is
// trusted has to.
func TestProxyHeader(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	elsewhere := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	const v1 = "PROXY TCP4 198.51.100.7 127.0.0.1 4711 5060\r\n"
	const v2 = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc6\x33\x64\x07\x7f\x00\x00\x01\x12\x67\x13\xc4"
	behind := netip.MustParseAddrPort("198.51.100.7:4711")
	for name, tt := range map[string]struct {
		trusted []netip.Prefix
		header  string
		remote  netip.AddrPort // zero: its own
		closed  bool
	}{
		"version 1":             {loopback, v1, behind, false},
		"version 2":             {loopback, v2, behind, false},
		"unknown":               {loopback, "PROXY UNKNOWN\r\n", netip.AddrPort{}, false},
		"none":                  {loopback, "", netip.AddrPort{}, true},
		"malformed":             {loopback, "PROXY TCP4 x\r\n", netip.AddrPort{}, true},
		"stranger, version 1":   {elsewhere, v1, netip.AddrPort{}, true},
		"stranger, version 2":   {elsewhere, v2, netip.AddrPort{}, true},
		"stranger, no header":   {elsewhere, "", netip.AddrPort{}, false},
		"nobody may, version 1": {nil, v1, netip.AddrPort{}, true},
	} {
		for _, config := range []StreamConfig{{Transport: flow.TCP}, overTLS(t)} {
			name := name + " over " + config.Transport.String()
			config.ProxyFrom = tt.trusted
			h := streamStack(t, config)
			p := h.dial(config.Transport)
			own := p.LocalAddr().(*net.TCPAddr).AddrPort()
			p.write(tt.header)
			if !tt.closed && config.Transport == flow.TLS {
				p = newPhone(t, tls.Client(p.Conn, testIdentity(t).client))
			}
			_, err := io.WriteString(p.Conn, options("a", ""))
			if tt.closed {
				_, _ = io.Copy(io.Discard, p.text)
				_ = p.Close()
				upTo(t, name+": counted", func() bool { return h.closes(closedProxyHeader) == 1 })
				if len(h.messages) > 0 {
					t.Errorf("%s: a message came", name)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			want := tt.remote
			if !want.IsValid() {
				want = own
			}
			if got := await(t, h.messages, 1, "messages"); got.flow.Remote != want {
				t.Errorf("%s: from %s, want %s", name, got.flow.Remote, want)
			}
		}
	}
}
