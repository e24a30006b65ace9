package transport

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

const localOptions = "OPTIONS sip:app SIP/2.0\r\nContent-Length: 0\r\n\r\n"

// localStack is a Stack whose application has its socket at a port.
func localStack(t *testing.T, tcp bool, application netip.AddrPort) *far {
	t.Helper()
	at := netip.AddrPortFrom(application.Addr(), 0)
	stack, err := Listen(ListenConfig{
		UDP:   []UDPConfig{{Address: netip.MustParseAddrPort("127.0.0.1:0")}},
		Local: &LocalConfig{Address: at, Application: application.Port(), TCP: tcp},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := newFar(t, stack)
	stack.Serve(h, me)
	return h
}

func (h *far) hears(want string, over flow.Flow) {
	h.t.Helper()
	select {
	case m := <-h.messages:
		if m.text != want || m.flow != over {
			h.t.Errorf("%q over %+v, want %q over %+v", m.text, m.flow, want, over)
		}
	case <-time.After(20 * time.Second):
		h.t.Fatalf("nothing came, want %q", want)
	}
}

func (h *far) hearsRefused(want string, over flow.Flow) {
	h.t.Helper()
	select {
	case e := <-h.closed:
		var refused *Refused
		if !errors.As(e.err, &refused) || string(refused.Quote) != want || e.flow != over {
			h.t.Errorf("%v over %+v, want a refusal of %q over %+v", e.err, e.flow, want, over)
		}
	case <-time.After(20 * time.Second):
		h.t.Fatal("nobody told that the application refuses")
	}
}

func TestLocalOverUDP(t *testing.T) {
	app, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Close() }()
	at := app.LocalAddr().(*net.UDPAddr).AddrPort()
	h := localStack(t, false, at)
	way := flow.ToLocal(me.Owner, at.Port())
	if err := h.stack.Send(way, []byte(localOptions)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1000)
	_ = app.SetDeadline(time.Now().Add(20 * time.Second))
	n, from, err := app.ReadFromUDPAddrPort(buf)
	if err != nil || string(buf[:n]) != localOptions || from != h.stack.LocalAddress() {
		t.Fatalf("%q from %s, %v", buf[:n], from, err)
	}
	if _, err := app.WriteToUDPAddrPort([]byte(localOptions), from); err != nil {
		t.Fatal(err)
	}
	h.hears(localOptions, way)
	if err := h.stack.Send(flow.ToLocal(me.Owner+1, at.Port()), []byte(localOptions)); !errors.Is(err, ErrGone) {
		t.Errorf("sent to the application of another member: %v", err)
	}
}

func TestLocalOverUDPRefused(t *testing.T) {
	at := closedPort(t, "127.0.0.1:0")
	h := localStack(t, false, at)
	way := flow.ToLocal(me.Owner, at.Port())
	if err := h.stack.Send(way, []byte(localOptions)); err != nil {
		t.Fatal(err)
	}
	h.hearsRefused(localOptions, way)
}

func TestLocalOverTCP(t *testing.T) {
	app, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := app.Addr().(*net.TCPAddr).AddrPort()
	h := localStack(t, true, at)
	way := flow.ToLocal(me.Owner, at.Port())
	for range 2 { // both wait for one connection
		if err := h.stack.Send(way, []byte(localOptions)); err != nil {
			t.Fatal(err)
		}
	}
	c, err := app.Accept()
	if err != nil {
		t.Fatal(err)
	}
	opened := newPhone(t, c)
	opened.reads(localOptions + localOptions)
	opened.write(localOptions)
	h.hears(localOptions, way)

	own := dialAt(t, h.stack.LocalAddress()) // the application's own connection
	own.write(localOptions)
	back := flow.ToLocal(me.Owner, own.LocalAddr().(*net.TCPAddr).AddrPort().Port())
	h.hears(localOptions, back)
	if err := h.stack.Send(back, []byte(localOptions)); err != nil {
		t.Fatal(err)
	}
	own.reads(localOptions)

	_ = app.Close()
	_ = opened.Close()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if err := h.stack.Send(way, []byte(localOptions)); err != nil {
			t.Fatal(err)
		}
		select {
		case e := <-h.closed:
			var refused *Refused
			if !errors.As(e.err, &refused) || string(refused.Quote) != localOptions || e.flow != way {
				t.Errorf("%v over %+v", e.err, e.flow)
			}
			return
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody told that the application refuses")
		}
	}
}

func TestLocalAnswersGoToTheApplicationWhenItsConnectionIsOver(t *testing.T) {
	app, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Close() }()
	h := localStack(t, true, app.Addr().(*net.TCPAddr).AddrPort())
	own := dialAt(t, h.stack.LocalAddress())
	own.write(localOptions)
	m := <-h.messages
	_ = own.Close()
	local := h.stack.local.(*localTCP)
	for local.has(m.flow.Remote.Port()) {
		time.Sleep(time.Millisecond)
	}
	if err := h.stack.Send(m.flow, []byte(localOptions)); err != nil {
		t.Fatal(err)
	}
	c, err := app.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	got := make([]byte, len(localOptions))
	if _, err := io.ReadFull(bufio.NewReader(c), got); err != nil || string(got) != localOptions {
		t.Errorf("%q, %v", got, err)
	}
}

func (l *localTCP) has(port uint16) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.open[port]
	return ok
}
