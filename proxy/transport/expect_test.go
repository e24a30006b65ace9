package transport

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
)

// TestExpectedGoFirst: of handshakes that wait for their turn those go first that come from
// where somebody is expected, whether they began to wait before that was said or after. The
// others are not kept out.
func TestExpectedGoFirst(t *testing.T) {
	var now int64
	all := newTurns(1, func() int64 { return now })
	all.take(0) // whoever has the only turn
	var mu sync.Mutex
	var order []uint64
	var done sync.WaitGroup
	waits := func(source uint64, n int) {
		for range n {
			all.mu.Lock()
			had := len(all.first) + len(all.rest)
			all.mu.Unlock()
			done.Go(func() {
				all.take(source)
				mu.Lock()
				order = append(order, source)
				mu.Unlock()
				all.leave()
			})
			upTo(t, "waits", func() bool {
				all.mu.Lock()
				defer all.mu.Unlock()
				return len(all.first)+len(all.rest) > had
			})
		}
	}
	const other, expected, late = 1, 2, 3
	waits(other, 3)
	waits(expected, 3)
	all.expect(expected)
	all.expect(late)
	waits(other, 1)
	waits(late, 3)
	all.leave()
	done.Wait()
	want := []uint64{2, 2, 2, 3, 1, 3, 3, 1, 1, 1}
	if !slices.Equal(order, want) {
		t.Errorf("in this order: %v, want %v", order, want)
	}
	if all.free != 1 {
		t.Errorf("%d places are free", all.free)
	}
	now += expectedMillis
	all.take(0)
	waits(late, 1)
	if len(all.first) > 0 {
		t.Error("who was expected a while ago goes first")
	}
	all.leave()
	done.Wait()
}

// So many sources are expected, and room is made by those that are no more.
func TestSourcesThatAreExpected(t *testing.T) {
	var now int64
	all := newTurns(1, func() int64 { return now })
	for i := range uint64(2 * maxExpected) {
		all.expect(1 + i)
	}
	if n := len(all.expected); n != maxExpected {
		t.Errorf("%d sources, want %d", n, maxExpected)
	}
	now += expectedMillis
	all.expect(4 * maxExpected)
	if _, known := all.expected[4*maxExpected]; !known || len(all.expected) != 1 {
		t.Errorf("%d sources, the new one among them: %v", len(all.expected), known)
	}
}

// The handshake of a phone that is expected has its turn while others wait that came before.
func TestExpectedPhoneIsLetInFirst(t *testing.T) {
	names := make(chan string, 20) // of those that have a turn
	c := overTLS(t)
	c.TLS = c.TLS.Clone()
	c.TLS.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		names <- hello.ServerName
		return nil, nil
	}
	c.Address, c.ProxyFrom = netip.MustParseAddrPort("127.0.0.1:0"), []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	stack, err := Listen(ListenConfig{Streams: []StreamConfig{c}})
	if err != nil {
		t.Fatal(err)
	}
	stack.streams.turns = newTurns(1, stack.streams.now)
	h := newFar(t, stack)
	stack.Serve(h, me)
	all := stack.streams.turns
	all.take(0)
	begin := func(source, name string, waiting int) {
		p := h.dial(flow.TLS)
		p.write("PROXY TCP4 " + source + " 192.0.2.9 4711 5061\r\n")
		s := tls.Client(p.Conn, &tls.Config{InsecureSkipVerify: true, ServerName: name}) // other tests see whose certificate it is
		go func() {
			if s.Handshake() == nil {
				_, _ = s.Write([]byte(options("a", "")))
			}
		}()
		upTo(t, "it waits", func() bool {
			all.mu.Lock()
			defer all.mu.Unlock()
			return len(all.first)+len(all.rest) == waiting
		})
	}
	const others = 5
	for i := range others {
		begin("192.0.2.1", "other.example", 1+i)
	}
	begin("192.0.2.2", "expected.example", 1+others)
	h.stack.Expect(netip.MustParseAddr("192.0.2.2"))
	all.leave()
	if got := await(t, names, 1, "turns"); got != "expected.example" {
		t.Errorf("%s is first", got)
	}
	await(t, h.messages, 1+others, "messages")
}
