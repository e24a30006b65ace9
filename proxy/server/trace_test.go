package server

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// seen are the messages of a trace.
type seen struct {
	t     *testing.T
	mu    sync.Mutex
	lines []string
}

// trace begins one of an AOR.
func (x *proxy) trace(t *testing.T, aor string) (s *seen, stop func()) {
	t.Helper()
	canonical, err := x.AOR(aor)
	if err != nil {
		t.Fatal(err)
	}
	s = &seen{t: t}
	stop, ok := x.Trace(&Trace{AOR: canonical, Message: func(in bool, local, remote netip.AddrPort, m *wire.Message) {
		_, method, _ := m.CSeq()
		way := "out"
		if in {
			way = "in"
		}
		if local != x.addr || !remote.IsValid() {
			t.Errorf("at %s, with %s", local, remote)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lines = append(s.lines, fmt.Sprint(way, " ", string(m.MethodBytes()), m.StatusCode(), " ", string(method)))
	}})
	if !ok {
		t.Fatal("there are too many")
	}
	t.Cleanup(stop)
	return s, stop
}

// has waits for a line.
func (s *seen) has(line string) {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		found := slices.Contains(s.lines, line)
		s.mu.Unlock()
		if found {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("no %q in %q", line, s.lines)
		}
	}
}

func (s *seen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

// TestTrace of the one who is called and of the one who calls: all that comes and leaves, each way, and of nobody else.
func TestTrace(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	called, stopCalled := x.trace(t, "bob@EXAMPLE.com")
	calls, _ := x.trace(t, "sips:alice@example.com")
	if _, ok := x.Trace(&Trace{}); ok {
		t.Error("a third trace")
	}
	bob.register(x)
	called.has("in REGISTER0 REGISTER")
	called.has("out 200 REGISTER")
	if n := calls.count(); n != 0 {
		t.Errorf("alice has %d messages of bob's", n)
	}
	d := alice.ring(x.addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 200, "OK", "b", "Contact: <"+bob.contact()+">")
	d.answered(alice.status(200))
	d.ack()
	bob.request("ACK")
	for _, s := range []*seen{called, calls} {
		for _, line := range []string{
			"in INVITE0 INVITE", "out 100 INVITE", "out INVITE0 INVITE", "in 200 INVITE", "out 200 INVITE", "in ACK0 ACK", "out ACK0 ACK",
		} {
			s.has(line)
		}
	}
	stopCalled()
	stopCalled()
	before := called.count()
	d.send("BYE")
	bob.reply(bob.request("BYE"), 200, "OK", "")
	alice.status(200)
	calls.has("out 200 BYE")
	if n := called.count(); n != before {
		t.Errorf("%d messages after its end", n-before)
	}
	again, _ := x.trace(t, "sip:carol@example.com")
	alice.ring(x.addr, "sip:carol@example.com")
	again.has("out 480 INVITE")
}

// TestTraceFinds an AOR where RFC 3261 and RFC 3325 have it, in whatever form, and not what only looks like it.
func TestTraceFinds(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	s, _ := x.trace(t, "sip:+4930@example.com")
	const other = "<sip:x@example.com>"
	for i, tt := range []struct {
		uri, from, to, more string
		want                bool
	}{
		{"sip:x@example.com", other, other, "", false},
		{"sip:+4930@example.com;user=phone", other, other, "", true},
		{"tel:+49-30", other, other, "", true},
		{"sip:x@example.com", "<sip:%2b4930@EXAMPLE.COM>", other, "", true},
		{"sip:x@example.com", other, "\"a, b\" <tel:+49-30>", "", true},
		{"sip:x@example.com", other, other, "P-Asserted-Identity: <sip:a@b.example>, <tel:+4930>\r\n", true},
		{"sip:x@example.com", other, other, "p-preferred-identity: sip:+4930@example.com\r\n", true},
		{"sip:x@example.com", other, other, "Subject: sip:+4930@example.com\r\n", false},
		{"sip:x@example.com", "\"sip:+4930@example.com\" <sip:y@example.com>", other, "", false},
		{"sip:+49301@example.com", "<sip:+4930@example.org>", "<sip:+493@example.com>", "", false},
	} {
		text := fmt.Sprintf("OPTIONS %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK%d\r\nFrom: %s;tag=1\r\nTo: %s\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\n%s\r\n",
			tt.uri, i, tt.from, tt.to, i, tt.more)
		before := s.count()
		x.Message(flow.OverUDP(netip.MustParseAddrPort("127.0.0.1:9")), []byte(text))
		if s.count() > before != tt.want {
			t.Errorf("traced: %v, %q", !tt.want, text)
		}
	}
}

// TestTracesComeAndGo while messages pass.
func TestTracesComeAndGo(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	var working sync.WaitGroup
	stop := make(chan struct{})
	for user := range 2 {
		r := newRefresh(user)
		working.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					x.Message(flow.OverUDP(netip.MustParseAddrPort("127.0.0.1:9")), r.next())
				}
			}
		})
	}
	for i := range 200 {
		s, end := x.trace(t, fmt.Sprintf("sip:u%d@example.com", i%2))
		s.has("in REGISTER0 REGISTER")
		end()
	}
	close(stop)
	working.Wait()
	if x.traces.list.Load() != nil {
		t.Error("messages are still looked at")
	}
}
