package transport

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/proxy/connlimit"
	"github.com/sipring/sipring/proxy/flow"
)

// ends fails unless the connection over is because of that.
func (h *far) ends(why closeReason) {
	h.t.Helper()
	if got := await(h.t, h.closed, 1, "closed"); !errors.Is(got.err, errClosed[why]) {
		h.t.Errorf("closed because %v, want %v", got.err, errClosed[why])
	}
}

// What a far end does not do in time ends its connection.
func TestDeadlines(t *testing.T) {
	const short, long = 200 * time.Millisecond, 20 * time.Second
	for name, tt := range map[string]struct {
		limits StreamLimits
		say    func(p *phone) // until an error
		want   closeReason
	}{
		"nothing at all": {StreamLimits{First: short}, func(*phone) {}, closedSilent},
		"nothing more":   {StreamLimits{Idle: short}, func(p *phone) { p.write(options("a", "")) }, closedIdle},
		"half a message": {StreamLimits{Message: short}, func(p *phone) { p.write(options("a", "body")[:20]) }, closedSlowSender},
		"a byte at a time": {StreamLimits{Message: short}, func(p *phone) {
			for text := options("a", strings.Repeat("x", 10_000)); len(text) > 0; text = text[1:] {
				if _, err := io.WriteString(p.Conn, text[:1]); err != nil {
					return
				}
				time.Sleep(short / 10) // the far end is slow; nothing is waited for
			}
		}, closedSlowSender},
		"half a message after a whole one": {StreamLimits{Message: short, Idle: long}, func(p *phone) {
			p.write(options("a", "") + options("a", "body")[:20])
		}, closedSlowSender},
	} {
		for _, config := range []StreamConfig{{Transport: flow.TCP}, overTLS(t)} {
			config.Limits = tt.limits
			h := streamStack(t, config)
			var p *phone
			if config.Transport == flow.TCP {
				p = h.dial(flow.TCP)
			} else {
				p = h.dialTLS(flow.TLS)
			}
			tt.say(p)
			h.ends(tt.want)
			if h.closes(tt.want) > 1 {
				t.Errorf("%s: counted %d times", name, h.closes(tt.want))
			}
		}
	}
}

// A record of TLS that is there in part is a message that takes too long.
func TestHalfARecord(t *testing.T) {
	c := overTLS(t)
	c.Limits.Message = 200 * time.Millisecond
	h := streamStack(t, c)
	p := h.dialTLS(flow.TLS)
	p.write(options("echo", ""))
	p.reads(options("echo", ""))
	if _, err := io.WriteString(p.Conn.(*tls.Conn).NetConn(), "\x17\x03\x03\x40\x00xxx"); err != nil {
		t.Fatal(err)
	}
	h.ends(closedSlowSender)
}

// Who does not read what is sent to it loses its connection, and nobody waits for it:
// not who sends, and not the others.
func TestSlowReaders(t *testing.T) {
	socket := StreamConfig{Transport: flow.WSS, TLS: testIdentity(t).server}
	h := streamStack(t, StreamConfig{Transport: flow.TCP}, overTLS(t), socket)
	other := h.dial(flow.TCP)
	browser := h.browser(flow.WSS)
	browser.frame(ws.OpText, true, options("a", ""))
	h.dialTLS(flow.TLS).write(options("a", ""))
	h.dial(flow.TCP).write(options("a", ""))
	message := []byte(options("b", strings.Repeat("x", 60_000)))
	for range 3 {
		slow := await(t, h.messages, 1, "messages").flow
		sent := 0
		for ; h.stack.Send(slow, message) == nil; sent++ {
			if sent > 1000 {
				t.Fatalf("%s: %d messages were taken that nobody reads", slow.Transport, sent)
			}
		}
		if sent == 0 {
			t.Errorf("%s: nothing was taken", slow.Transport)
		}
		if h.stack.Alive(slow) {
			t.Errorf("%s: is alive", slow.Transport)
		}
		h.ends(closedBySlowReader)
		other.write(options("echo", ""))
		other.reads(options("echo", ""))
	}
}

// What is queued arrives, in order, when the far end reads on; also what is there when
// the connection is ended.
func TestQueueKeepsTheOrder(t *testing.T) {
	c, s := StreamConfig{Transport: flow.TCP}, overTLS(t)
	c.Limits.Queue, s.Limits.Queue = 16<<20, 16<<20
	h := streamStack(t, c, s)
	for _, p := range []*phone{h.dial(flow.TCP), h.dialTLS(flow.TLS)} {
		p.write(options("a", ""))
		f := await(t, h.messages, 1, "messages").flow
		var want strings.Builder
		for i := range 100 {
			text := options("b", strings.Repeat(string(rune('a'+i%26)), 50_000+i))
			want.WriteString(text)
			if err := h.stack.Send(f, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		h.stack.Disconnect(f)
		if err := h.stack.Send(f, []byte("late")); !errors.Is(err, ErrGone) {
			t.Errorf("sent after the end: %v", err)
		}
		got, err := io.ReadAll(p.text)
		if err != nil || string(got) != want.String() {
			t.Errorf("%s: %d bytes came, %v, want %d", f.Transport, len(got), err, want.Len())
		}
		_ = p.Close()
		h.ends(closedOnPurpose)
	}
}

// A far end that does not end the connection as well has its time for that.
func TestWhoIsLeftLingers(t *testing.T) {
	c := StreamConfig{Transport: flow.TCP, Limits: StreamLimits{Linger: 100 * time.Millisecond}}
	h := streamStack(t, c)
	p := h.dial(flow.TCP)
	p.write(options("a", ""))
	h.stack.Disconnect(await(t, h.messages, 1, "messages").flow)
	p.readsEnd()
	h.ends(closedOnPurpose) // though p is open
}

// One connection too many takes the place of one of who has the most, and that of a
// phone that is registered last.
func TestPlaces(t *testing.T) {
	c := StreamConfig{Transport: flow.TCP, ProxyFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	c.Limits.Places, c.Limits.PerSecond = connlimit.Limits{Total: 4, PerSource: 3}, 1e9
	h := streamStack(t, c)
	from := func(source string) flow.Flow {
		p := h.dial(flow.TCP)
		p.write("PROXY TCP4 " + source + " 192.0.2.9 4711 5060\r\n" + options("a", ""))
		return await(t, h.messages, 1, "messages").flow
	}
	gone := func(want flow.Flow) {
		t.Helper()
		if got := await(t, h.closed, 1, "closed"); got.flow != want || !errors.Is(got.err, errClosed[closedLimit]) {
			t.Errorf("%+v is closed because %v, want %+v", got.flow, got.err, want)
		}
	}
	phone := from("192.0.2.1")
	first, second, third := from("192.0.2.2"), from("192.0.2.2"), from("192.0.2.2")
	h.stack.Keep(first)
	fourth := from("192.0.2.2") // one too many of its source
	gone(second)
	fifth := from("192.0.2.3") // one too many of all
	gone(third)
	_ = from("192.0.2.4")
	gone(phone) // all have one that is nobody's: the oldest of those
	for _, f := range []flow.Flow{first, fourth, fifth} {
		if !h.stack.Alive(f) {
			t.Errorf("%s is gone", f.Remote)
		}
	}
}

// Of the connections that are somebody's the one goes that was kept longest ago: the table
// is told again of one that is kept a second later.
func TestKeptAgain(t *testing.T) {
	c := StreamConfig{Transport: flow.TCP}
	c.Limits.Places = connlimit.Limits{Total: 2, PerSource: 2}
	h := streamStack(t, c)
	from := func() flow.Flow {
		h.dial(flow.TCP).write(options("a", ""))
		return await(t, h.messages, 1, "messages").flow
	}
	first, second := from(), from()
	for _, f := range []flow.Flow{first, second, first} {
		h.stack.Keep(f)
	}
	h.stack.streams.of(first).kept.Add(-int64(time.Second)) // passes
	h.stack.Keep(first)
	_ = from()
	if got := await(t, h.closed, 1, "closed"); got.flow != second {
		t.Errorf("%+v is closed, want %+v", got.flow, second)
	}
}

// One source may begin so many, and others are not hindered.
func TestConnectionsBegunBySource(t *testing.T) {
	c := StreamConfig{Transport: flow.TCP, ProxyFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	c.Limits.Places, c.Limits.PerSecond = connlimit.Limits{Total: 100, PerSource: 10}, 1
	h := streamStack(t, c)
	from := func(source string) *phone {
		p := h.dial(flow.TCP)
		_, _ = io.WriteString(p.Conn, "PROXY TCP4 "+source+" 192.0.2.9 4711 5060\r\n"+options("echo", ""))
		return p
	}
	for range 10 {
		p := from("192.0.2.1")
		p.reads(options("echo", ""))
		_ = p.Close()
	}
	upTo(t, "one is not let in", func() bool { // one may be each second
		_, _ = from("192.0.2.1").text.ReadByte()
		return h.closes(closedRate) > 0
	})
	from("192.0.2.2").reads(options("echo", ""))
}

// Who is trusted may begin as many connections as there are places.
func TestTrustedSources(t *testing.T) {
	c := StreamConfig{Transport: flow.TCP, Address: netip.MustParseAddrPort("127.0.0.1:0")}
	c.Limits.Places, c.Limits.PerSecond = connlimit.Limits{Total: 20, PerSource: 1}, 1
	stack, err := Listen(ListenConfig{Streams: []StreamConfig{c}, Trusted: netip.Addr.IsLoopback})
	if err != nil {
		t.Fatal(err)
	}
	h := newFar(t, stack)
	stack.Serve(h, me)
	var all []*phone
	for range 20 {
		p := h.dial(flow.TCP)
		p.write(options("echo", ""))
		p.reads(options("echo", ""))
		all = append(all, p)
	}
	for _, p := range all {
		p.write(options("echo", ""))
		p.reads(options("echo", ""))
	}
}

// A listener is one of TCP, whatever else the kernel has.
func TestListenersAreOfTCPAlone(t *testing.T) {
	h := streamStack(t, StreamConfig{Transport: flow.TCP})
	raw, err := h.stack.streams.listeners[0].net.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	protocol := 0
	if failed := raw.Control(func(fd uintptr) { protocol, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PROTOCOL) }); failed != nil || err != nil {
		t.Fatal(failed, err)
	}
	if protocol != unix.IPPROTO_TCP {
		t.Errorf("its protocol is %d, want TCP's, %d", protocol, unix.IPPROTO_TCP)
	}
}

// Processes may share an address.
func TestSharedAddress(t *testing.T) {
	shared := StreamConfig{Transport: flow.TCP, Shared: true}
	first := streamStack(t, shared)
	shared.Address = first.stack.AddressOf(flow.TCP, 0)
	second := streamStack(t, shared)
	for seen := map[*far]bool{}; len(seen) < 2; {
		first.dial(flow.TCP).write(options("a", ""))
		select {
		case <-first.messages:
			seen[first] = true
		case <-second.messages:
			seen[second] = true
		}
	}
	if _, err := Listen(ListenConfig{Streams: []StreamConfig{{Transport: flow.TCP, Address: shared.Address}}}); err == nil {
		t.Error("who shares with nobody is let in")
	}
}

// What is held of messages that are not whole is bounded, for each source first.
func TestRoomForLargeMessages(t *testing.T) {
	c := StreamConfig{Transport: flow.TCP, ProxyFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	h := streamStack(t, c)
	large := options("a", strings.Repeat("x", 60_000))
	half := func(source string) *phone {
		p := h.dial(flow.TCP)
		_, _ = io.WriteString(p.Conn, "PROXY TCP4 "+source+" 192.0.2.9 4711 5060\r\n"+large[:50_000])
		return p
	}
	used := func(n int) func() bool {
		return func() bool {
			h.stack.streams.room.mu.Lock()
			defer h.stack.streams.room.mu.Unlock()
			return h.stack.streams.room.used == n*largeBuffer
		}
	}
	const most = largeShare / largeBuffer
	for range most {
		half("192.0.2.1")
	}
	upTo(t, "all of a source's share is used", used(most))
	half("192.0.2.1").readsEnd()
	h.ends(closedMemory)
	p := half("192.0.2.2")
	p.write(large[50_000:])
	if got := await(t, h.messages, 1, "messages"); got.text != large {
		t.Errorf("%d bytes came", len(got.text))
	}
	upTo(t, "the other's is given back", used(most))
}

// Draining ends those connections first from which nothing came for longest.
func TestIdle(t *testing.T) {
	h := streamStack(t, StreamConfig{Transport: flow.TCP})
	var phones []*phone
	var flows []flow.Flow
	for range 4 {
		p := h.dial(flow.TCP)
		p.write(options("a", ""))
		phones, flows = append(phones, p), append(flows, await(t, h.messages, 1, "messages").flow)
	}
	phones[0].write(options("a", ""))
	await(t, h.messages, 1, "messages")
	if n := h.stack.Idle(2); n != 2 {
		t.Errorf("%d were ended", n)
	}
	phones[1].readsEnd()
	phones[2].readsEnd()
	for i, alive := range []bool{true, false, false, true} {
		if h.stack.Alive(flows[i]) != alive {
			t.Errorf("connection %d is alive: %v", i, !alive)
		}
	}
	if n := h.stack.Idle(10); n != 2 {
		t.Errorf("%d were ended", n)
	}
	upTo(t, "nobody is left", func() bool {
		for _, p := range phones {
			_ = p.Close()
		}
		return h.closes(closedDrained) == 4
	})
}

// With no descriptor left nothing is accepted, which is counted and passes.
func TestNoDescriptorLeft(t *testing.T) {
	h := streamStack(t, StreamConfig{Transport: flow.TCP})
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	p := h.dial(flow.TCP)
	p.write(options("echo", ""))
	p.reads(options("echo", ""))
	raw, err := net.Dial("udp", "127.0.0.1:9") // has the lowest free descriptor
	if err != nil {
		t.Fatal(err)
	}
	var lowest uintptr
	s, _ := raw.(*net.UDPConn).SyscallConn()
	_ = s.Control(func(fd uintptr) { lowest = fd })
	_ = raw.Close()
	few := was
	few.Cur = uint64(lowest) + 1 // one more, for the phone's end
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", h.stack.AddressOf(flow.TCP, 0).String())
	if err == nil {
		upTo(t, "counted", func() bool { return h.stack.streams.metrics.acceptErrors.Load() > 0 })
	}
	if restore := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was); restore != nil || err != nil {
		t.Fatal(restore, err)
	}
	q := newPhone(t, c)
	q.write(options("echo", ""))
	q.reads(options("echo", ""))
}

// Close leaves nothing behind, whatever connections are doing.
func TestCloseEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	h := streamStack(t, append(overWebSocket(t), StreamConfig{Transport: flow.TCP}, overTLS(t))...)
	h.dial(flow.TLS).write("\x16\x03\x01")
	h.dial(flow.WS).write("GET /sip HTTP/1.1\r\n")
	h.dialTLS(flow.TLS).write(options("a", "body")[:20])
	h.browser(flow.WSS).frame(ws.OpText, false, options("a", ""))
	slow := h.dial(flow.TCP)
	slow.write(options("a", ""))
	f := await(t, h.messages, 1, "messages").flow
	for range 8 {
		_ = h.stack.Send(f, make([]byte, 50_000))
	}
	upTo(t, "all are there", func() bool { return len(h.stack.streams.index.all(nil)) == 3 })
	if err := h.stack.Close(); err != nil {
		t.Error(err)
	}
	if n := len(h.closed); n != 3 {
		t.Errorf("%d flows were told to be closed", n)
	}
	upTo(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
	if err := h.stack.Send(f, []byte("x")); !errors.Is(err, ErrGone) {
		t.Errorf("sent after Close: %v", err)
	}
}

func TestSendOverTCPDoesNotAllocate(t *testing.T) {
	h := streamStack(t, StreamConfig{Transport: flow.TCP})
	p := h.dial(flow.TCP)
	p.write(options("a", ""))
	f, data := await(t, h.messages, 1, "messages").flow, make([]byte, 500)
	go func() { _, _ = io.Copy(io.Discard, p.Conn) }()
	if n := testing.AllocsPerRun(100, func() { _ = h.stack.Send(f, data) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
