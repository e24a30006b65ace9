package transport

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// me is who the stacks of tests are.
var me = Holder{Owner: 3, Life: 7}

// far is a Handler that keeps what it is told, and answers what asks for it.
type far struct {
	t        testing.TB
	stack    *Stack
	messages chan heard
	closed   chan ended
	mu       sync.Mutex
	over     map[uint64]bool
}

type heard struct {
	flow flow.Flow
	text string
}

type ended struct {
	flow flow.Flow
	err  error
}

func (h *far) Message(f flow.Flow, data []byte) {
	h.mu.Lock()
	if h.over[f.Conn] {
		h.t.Errorf("a message after Closed over %+v", f)
	}
	h.mu.Unlock()
	if strings.HasPrefix(string(data), "OPTIONS sip:echo") {
		_ = h.stack.Send(f, data)
		return
	}
	h.messages <- heard{f, string(data)}
}

func (h *far) Closed(f flow.Flow, err error) {
	h.mu.Lock()
	if h.over[f.Conn] {
		h.t.Errorf("%+v is closed twice", f)
	}
	h.over[f.Conn] = f.Conn != 0 // what is no connection goes on
	h.mu.Unlock()
	h.closed <- ended{f, err}
}

// streamStack is a Stack with these listeners, at free ports of the loopback.
func streamStack(t testing.TB, all ...StreamConfig) *far {
	t.Helper()
	for i := range all {
		if !all[i].Address.IsValid() {
			all[i].Address = netip.MustParseAddrPort("127.0.0.1:0")
		}
	}
	stack, err := Listen(ListenConfig{Streams: all})
	if err != nil {
		t.Fatal(err)
	}
	h := newFar(t, stack)
	stack.Serve(h, me)
	return h
}

func newFar(t testing.TB, stack *Stack) *far {
	h := &far{t: t, stack: stack, messages: make(chan heard, 10_000), closed: make(chan ended, 10_000), over: map[uint64]bool{}}
	t.Cleanup(func() {
		if err := stack.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// phone is the far end of a connection.
type phone struct {
	net.Conn
	t    testing.TB
	text *bufio.Reader
}

func (h *far) dial(transport flow.Transport) *phone {
	h.t.Helper()
	return dialAt(h.t, h.stack.AddressOf(transport, 0))
}

func dialAt(t testing.TB, at netip.AddrPort) *phone {
	t.Helper()
	c, err := net.Dial("tcp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	return newPhone(t, c)
}

func newPhone(t testing.TB, c net.Conn) *phone {
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return &phone{Conn: c, t: t, text: bufio.NewReader(c)}
}

func (p *phone) write(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.Conn, text); err != nil {
		p.t.Error(err)
	}
}

// reads fails unless this is what comes next.
func (p *phone) reads(want string) {
	p.t.Helper()
	b := make([]byte, len(want))
	if n, err := io.ReadFull(p.text, b); err != nil || string(b) != want {
		p.t.Errorf("read %q, %v, want %q", b[:n], err, want)
	}
}

// readsEnd fails unless the far end ends the connection now.
func (p *phone) readsEnd() {
	p.t.Helper()
	b, err := io.ReadAll(p.text)
	var timeout net.Error
	if len(b) > 0 || errors.As(err, &timeout) && timeout.Timeout() {
		p.t.Errorf("read %q, %v, want the end", b, err)
	}
}

// closes is how many connections are over for that reason.
func (h *far) closes(why closeReason) uint64 { return h.stack.streams.metrics.closed[why-1].Load() }

func options(user, body string) string {
	return fmt.Sprintf("OPTIONS sip:%s@a.example SIP/2.0\r\nContent-Length: %d\r\n\r\n%s", user, len(body), body)
}

func TestStreamsOverTCP(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		h := streamStack(t, StreamConfig{Transport: flow.TCP, Address: netip.MustParseAddrPort(address), Listener: 5060})
		p := h.dial(flow.TCP)
		p.write("\r\n\r\n" + options("a", "1") + options("b", "22"))
		p.reads("\r\n")
		first := await(t, h.messages, 1, "messages")
		want := flow.Flow{
			Transport: flow.TCP, Remote: p.LocalAddr().(*net.TCPAddr).AddrPort(), Listener: 5060, Conn: 1, Owner: me.Owner, Life: me.Life,
		}
		if first.flow != want || first.text != options("a", "1") {
			t.Errorf("%s: got %+v, want it over %+v", address, first, want)
		}
		if second := await(t, h.messages, 1, "messages"); second.flow != want || second.text != options("b", "22") {
			t.Errorf("%s: got %+v", address, second)
		}
		if !h.stack.Alive(first.flow) || !h.stack.Serves(flow.TCP) || h.stack.Serves(flow.UDP) || h.stack.Serves(flow.TLS) {
			t.Errorf("%s: alive %v", address, h.stack.Alive(first.flow))
		}
		for _, text := range []string{"one", "two"} {
			if err := h.stack.Send(first.flow, []byte(text)); err != nil {
				t.Error(err)
			}
		}
		p.reads("onetwo")
		other := first.flow
		other.Life++
		if err := h.stack.Send(other, []byte("x")); !errors.Is(err, ErrGone) || h.stack.Alive(other) {
			t.Errorf("sent in another life: %v", err)
		}
		_ = p.Close()
		if got := await(t, h.closed, 1, "closed"); got.flow != want || got.err == nil {
			t.Errorf("%s: closed %+v", address, got)
		}
		if err := h.stack.Send(first.flow, []byte("x")); !errors.Is(err, ErrGone) || h.stack.Alive(first.flow) {
			t.Errorf("sent over one that is gone: %v", err)
		}
	}
}

// What answers messages that came together leaves together; that of one alone at once.
func TestAnswersOfASegmentLeaveTogether(t *testing.T) {
	h := streamStack(t, StreamConfig{Transport: flow.TCP})
	p := h.dial(flow.TCP)
	one := options("echo", "x")
	p.write(one)
	p.reads(one)
	many := strings.Repeat(one, 20)
	p.write(many)
	got := make([]byte, len(many)+1)
	if n, err := p.Read(got); err != nil || string(got[:n]) != many {
		t.Errorf("the first read has %d bytes, %v, want %d", n, err, len(many))
	}
	p.write(many + one[:10])
	p.reads(many) // which waits for no more
	p.write(one[10:])
	p.reads(one)
	pings := strings.Repeat("\r\n\r\n", 500)
	p.write(pings)
	got = make([]byte, len(pings))
	if n, err := p.Read(got); err != nil || string(got[:n]) != pings[:len(pings)/2] {
		t.Errorf("the first read has %d bytes, %v, of those that answer 500 pings", n, err)
	}
}

// A message is whole when its last byte is there, however the stream is cut.
func TestOneMessageInManySegments(t *testing.T) {
	h := streamStack(t, StreamConfig{Transport: flow.TCP})
	p := h.dial(flow.TCP)
	large := "OPTIONS sip:a SIP/2.0\r\nSubject: " + strings.Repeat("x", 60<<10) + "\r\nContent-Length: 65536\r\n\r\n" + strings.Repeat("y", 64<<10)
	small := options("a", "body")
	for _, text := range []string{large, small, large} {
		for rest := text; len(rest) > 0; {
			n := min(len(rest), 1+len(rest)/3)
			p.write(rest[:n])
			rest = rest[n:]
		}
		if got := await(t, h.messages, 1, "messages"); got.text != text {
			t.Errorf("%d bytes came, want %d", len(got.text), len(text))
		}
	}
	r := h.stack.streams.room
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // given back when the handler is done
		r.mu.Lock()
		used, sources := r.used, len(r.of)
		r.mu.Unlock()
		if used == 0 && sources == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d bytes of large buffers of %d sources are still taken", used, sources)
		}
	}
}

func TestWhatIsNoSIPEndsTheConnection(t *testing.T) {
	noLength := "OPTIONS sip:a SIP/2.0\r\n\r\n"
	long := strings.Repeat("x", 64<<10)
	for name, tt := range map[string]struct {
		text     string
		messages int
		want     closeReason
	}{
		"garbage":                 {"GET / HTTP/1.1\r\n\r\n", 0, closedGarbage},
		"garbage after a message": {options("a", "") + "\x00\x01", 1, closedGarbage},
		"a header of 64 KiB":      {"OPTIONS sip:a SIP/2.0\r\nX: " + long, 0, closedTooLarge},
		"no Content-Length":       {strings.Repeat(noLength, maxFaults+5), maxFaults, closedNoLength},
		"a length that is none":   {"OPTIONS sip:a SIP/2.0\r\nl: x\r\n\r\n" + noLength, 1, closedNoLength},
		"a body too large":        {"OPTIONS sip:a SIP/2.0\r\nl: 65537\r\n\r\n" + long, 1, closedNoLength},
	} {
		h := streamStack(t, StreamConfig{Transport: flow.TCP})
		p := h.dial(flow.TCP)
		_, _ = io.WriteString(p.Conn, tt.text)
		p.readsEnd()
		_ = p.Close()
		if got := await(t, h.closed, 1, "closed"); !errors.Is(got.err, errClosed[tt.want]) {
			t.Errorf("%s: closed because %v", name, got.err)
		}
		if len(h.messages) != tt.messages {
			t.Errorf("%s: %d messages, want %d", name, len(h.messages), tt.messages)
		}
	}
}

// A connection may have few messages without a Content-Length, which are answered: what
// follows one may be in order.
func TestMessagesWithoutALengthAreHandedOn(t *testing.T) {
	h := streamStack(t, StreamConfig{Transport: flow.TCP})
	p := h.dial(flow.TCP)
	const bad = "OPTIONS sip:echo SIP/2.0\r\n\r\n"
	for range maxFaults - 1 {
		p.write(bad)
		p.reads(bad)
	}
	p.write(options("echo", "x"))
	p.reads(options("echo", "x"))
	p.write(bad) // the last one is answered before the end
	p.reads(bad)
	p.readsEnd()
}
