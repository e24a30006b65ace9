package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// opening is what Open says.
type opening struct {
	flow flow.Flow
	err  error
}

func (h *far) open(to Destination) chan opening {
	told := make(chan opening, 2)
	h.stack.Open(to, func(f flow.Flow, err error) { told <- opening{f, err} })
	return told
}

// dialling is a Stack that trusts the tests' certificate.
func diallingStack(t *testing.T) *far {
	t.Helper()
	id := testIdentity(t)
	stack, err := Listen(ListenConfig{
		Streams: []StreamConfig{
			{Transport: flow.TCP, Address: netip.MustParseAddrPort("127.0.0.1:0"), Listener: 5060, Limits: StreamLimits{Dial: time.Second}},
			{Transport: flow.TLS, Address: netip.MustParseAddrPort("127.0.0.1:0"), Listener: 5061, TLS: id.server, Limits: StreamLimits{Dial: 2 * time.Second}},
			{Transport: flow.WS, Address: netip.MustParseAddrPort("127.0.0.1:0")},
		},
		Dial: &tls.Config{RootCAs: id.client.RootCAs, MinVersion: tls.VersionTLS12},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := newFar(t, stack)
	stack.Serve(h, me)
	return h
}

func TestOpenConnections(t *testing.T) {
	h, other := diallingStack(t), streamStack(t, StreamConfig{Transport: flow.TCP}, overTLS(t))
	for _, to := range []Destination{
		{Transport: flow.TCP, Addr: other.stack.AddressOf(flow.TCP, 0)},
		{Transport: flow.TLS, Addr: other.stack.AddressOf(flow.TLS, 0), ServerName: "phone.example"},
		{Transport: flow.TLS, Addr: other.stack.AddressOf(flow.TLS, 0)}, // by its address
	} {
		first := await(t, h.open(to), 1, "openings")
		want := flow.Flow{Transport: to.Transport, Remote: to.Addr, Owner: me.Owner, Life: me.Life, Conn: first.flow.Conn, Listener: first.flow.Listener}
		if first.err != nil || first.flow != want || !first.flow.IsValid() || !h.stack.Serves(to.Transport) {
			t.Fatalf("opened %+v, %v", first.flow, first.err)
		}
		if err := h.stack.Send(first.flow, []byte(options("a", ""))); err != nil {
			t.Error(err)
		}
		came := await(t, other.messages, 1, "messages")
		if err := other.stack.Send(came.flow, []byte(options("b", ""))); err != nil {
			t.Error(err)
		}
		if answer := await(t, h.messages, 1, "answers"); answer.flow != first.flow || answer.text != options("b", "") {
			t.Errorf("answered %+v", answer)
		}
		if again := await(t, h.open(to), 1, "openings"); again != first {
			t.Errorf("opened %+v, %v, and not %+v again", again.flow, again.err, first.flow)
		}
		other.stack.Disconnect(came.flow)
		await(t, h.closed, 1, "closed")
		if another := await(t, h.open(to), 1, "openings"); another.err != nil || another.flow.Conn == first.flow.Conn {
			t.Errorf("opened %+v, %v", another.flow, another.err)
		}
	}
}

// What cannot be reached is told once, and so is what does not prove its name.
func TestConnectionsThatDoNotOpen(t *testing.T) {
	h, other := diallingStack(t), streamStack(t, overTLS(t))
	l, err := net.Listen("tcp", "127.0.0.1:0") // whose handshakes nobody does
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	full := l.Addr().(*net.TCPAddr).AddrPort()
	shut, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := shut.Addr().(*net.TCPAddr).AddrPort()
	_ = shut.Close()
	var unknown tls.CertificateVerificationError
	for name, tt := range map[string]struct {
		to   Destination
		want func(error) bool
	}{
		"nobody":       {Destination{Transport: flow.TCP, Addr: nobody}, func(err error) bool { return err != nil }},
		"no TLS":       {Destination{Transport: flow.TLS, Addr: full}, func(err error) bool { return err != nil }},
		"another name": {Destination{Transport: flow.TLS, Addr: other.stack.AddressOf(flow.TLS, 0), ServerName: "a.example"}, func(err error) bool { p := &unknown; return errors.As(err, &p) }},
		"a browser":    {Destination{Transport: flow.WS, Addr: nobody}, func(err error) bool { return errors.Is(err, ErrNoRoute) }},
		"no address":   {Destination{Transport: flow.TCP, Host: "a.example"}, func(err error) bool { return errors.Is(err, ErrNoRoute) }},
		"not served":   {Destination{Transport: flow.UDP, Addr: nobody}, func(err error) bool { return errors.Is(err, ErrNoTransport) }},
	} {
		told := h.open(tt.to)
		if got := await(t, told, 1, "openings"); !tt.want(got.err) || got.flow != (flow.Flow{}) || len(told) > 0 {
			t.Errorf("%s: %+v, %v", name, got.flow, got.err)
		}
	}
	h.stack.streams.dials.mu.Lock()
	defer h.stack.streams.dials.mu.Unlock()
	if d := h.stack.streams.dials; len(d.way)+len(d.to)+len(d.open) > 0 {
		t.Errorf("something is left: %v, %v, %v", d.way, d.to, d.open)
	}
}

// Whom a connection over TLS is to is for who knows names of SIP to say (RFC 5922 7.3).
func TestRFC5922_7_3_WhoIsConnectedTo(t *testing.T) {
	h, other := diallingStack(t), streamStack(t, overTLS(t))
	stranger := errors.New("a stranger")
	h.stack.streams.dials.verify = func(name string, s tls.ConnectionState) error {
		if name != "known.example" || len(s.PeerCertificates) == 0 {
			return stranger
		}
		return nil
	}
	for name, want := range map[string]error{"known.example": nil, "phone.example": stranger} { // the second one is what the certificate says
		to := Destination{Transport: flow.TLS, Addr: other.stack.AddressOf(flow.TLS, 0), ServerName: name}
		if got := await(t, h.open(to), 1, "openings"); !errors.Is(got.err, want) {
			t.Errorf("%s: %v, want %v", name, got.err, want)
		}
	}
}

// Who asks for the same while a connection is on its way waits for it; to one host so
// many are on their way, and the next is told at once.
func TestManyConnectionsOnTheirWay(t *testing.T) {
	h := diallingStack(t)
	silent := func() Destination { // accepts, and says nothing
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return Destination{Transport: flow.TLS, Addr: l.Addr().(*net.TCPAddr).AddrPort()}
	}
	var told []chan opening
	for range maxDialsToHost {
		to := silent()
		told = append(told, h.open(to), h.open(to))
	}
	busy := h.open(silent())
	if len(busy) != 1 {
		t.Fatal("who is refused is not told at once")
	}
	if got := <-busy; !errors.Is(got.err, ErrTooManyDials) {
		t.Errorf("one too many: %v", got.err)
	}
	for _, c := range told {
		if len(c) > 0 {
			t.Errorf("told %v at once", <-c)
		}
	}
	if err := h.stack.Close(); err != nil { // which waits for nobody's handshake
		t.Error(err)
	}
	for _, c := range told {
		if got := await(t, c, 1, "openings"); got.err == nil {
			t.Error("opened by who says nothing")
		}
	}
	after := h.open(silent())
	if got := await(t, after, 1, "openings"); got.err == nil {
		t.Error("opened after the end")
	}
}
