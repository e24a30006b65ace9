package transport

import (
	"crypto/tls"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// TestHandshakesTakeTurns: of many that come at once no more than there are cores are worked at.
func TestHandshakesTakeTurns(t *testing.T) {
	id := testIdentity(t)
	var mu sync.Mutex
	var working, most int
	count := func(by int) {
		mu.Lock()
		defer mu.Unlock()
		working += by
		most = max(most, working)
	}
	server := id.server.Clone()
	server.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		count(1)
		defer count(-1)
		time.Sleep(2 * time.Millisecond) // the work
		return nil, nil
	}
	h := streamStack(t, StreamConfig{Transport: flow.TLS, TLS: server})
	cores := runtime.GOMAXPROCS(0)
	var all sync.WaitGroup
	for range 8 * cores {
		all.Go(func() {
			c, err := tls.Dial("tcp", h.stack.AddressOf(flow.TLS, 0).String(), id.client)
			if err != nil {
				t.Error(err)
				return
			}
			_ = c.Close()
		})
	}
	all.Wait()
	mu.Lock()
	defer mu.Unlock()
	if most < 1 || most > cores {
		t.Errorf("%d handshakes at a time, on %d cores", most, cores)
	}
}

// mute is a connection whose far end says nothing, as it seems.
type mute struct {
	net.Conn
	read chan struct{} // closed at the first Read
	once sync.Once
	over chan struct{}
}

func (m *mute) Read([]byte) (int, error) {
	m.once.Do(func() { close(m.read) })
	<-m.over
	return 0, net.ErrClosed
}

// TestHalfOpenHandshakeHoldsNoTurn: who sends a hello and no more is waited for, and
// nobody has to wait for it.
func TestHalfOpenHandshakeHoldsNoTurn(t *testing.T) {
	c := overTLS(t)
	c.Address = netip.MustParseAddrPort("127.0.0.1:0")
	stack, err := Listen(ListenConfig{Streams: []StreamConfig{c}})
	if err != nil {
		t.Fatal(err)
	}
	stack.streams.turns = newTurns(1, stack.streams.now)
	h := newFar(t, stack)
	stack.Serve(h, me)
	at := h.stack.AddressOf(flow.TLS, 0).String()
	for range 3 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		m := &mute{Conn: c, read: make(chan struct{}), over: make(chan struct{})}
		ended := make(chan struct{})
		go func() { defer close(ended); _ = tls.Client(m, testIdentity(t).client).Handshake() }()
		defer func() { close(m.over); <-ended; _ = c.Close() }()
		<-m.read // its hello is written
	}
	p := h.dialTLS(flow.TLS)
	p.write(options("echo", ""))
	p.reads(options("echo", ""))
}
