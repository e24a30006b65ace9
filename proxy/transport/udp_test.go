package transport

import (
	"net"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipring/sipring/proxy/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type echo struct{ u *UDP }

func (e echo) Message(f flow.Flow, data []byte) { _ = e.u.Send(f, data) }
func (e echo) Closed(flow.Flow, error)          {}

func open(t testing.TB, address string, loops int) *UDP {
	t.Helper()
	u, err := ListenUDP(UDPConfig{Address: netip.MustParseAddrPort(address), Loops: loops})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	})
	u.Serve(echo{u})
	return u
}

func TestUDPAnswersFromTheAddressItListensOn(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		u := open(t, address, 3)
		for i := range 20 {
			c, err := net.Dial("udp", u.Address().String())
			if err != nil {
				t.Fatal(err)
			}
			want := "message " + strconv.Itoa(i)
			_ = c.SetDeadline(time.Now().Add(20 * time.Second))
			_, _ = c.Write([]byte(want))
			buf := make([]byte, 100)
			n, err := c.Read(buf)
			if err != nil || string(buf[:n]) != want {
				t.Fatalf("%s: got %q, %v", address, buf[:n], err)
			}
			_ = c.Close()
		}
		if err := u.Close(); err != nil { // an answer may arrive before it is counted
			t.Fatal(err)
		}
		if s := u.Stats(); s.Received != 20 || s.Sent != 20 || s.SentBytes != s.ReceivedBytes {
			t.Errorf("stats %+v", s)
		}
	}
}

func TestUDPRefusesAnAddressInUse(t *testing.T) {
	u := open(t, "127.0.0.1:0", 1)
	if other, err := ListenUDP(UDPConfig{Address: u.Address(), Loops: 1}); err == nil {
		_ = other.Close()
		t.Fatal("the address was bound twice")
	}
}

func TestSendDoesNotAllocate(t *testing.T) {
	u := open(t, "127.0.0.1:0", 1)
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sink.Close() }()
	to, data := flow.OverUDP(plain(sink.LocalAddr().(*net.UDPAddr).AddrPort())), make([]byte, 500)
	if n := testing.AllocsPerRun(100, func() { _ = u.Send(to, data) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// collector counts datagrams by their first byte, and checks their order.
type collector struct {
	mu   sync.Mutex
	next map[netip.AddrPort]byte
	bad  int
	n    int
}

func (*collector) Closed(flow.Flow, error) {}

func (c *collector) Message(f flow.Flow, data []byte) {
	source := f.Remote
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(data) != 1+int(data[0]) || data[0] != c.next[source] {
		c.bad++
	}
	c.next[source]++
	c.n++
}

func (c *collector) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func TestUDPKeepsTheOrderOfOneSource(t *testing.T) {
	u, err := ListenUDP(UDPConfig{Address: netip.MustParseAddrPort("127.0.0.1:0"), Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = u.Close() }()
	c := &collector{next: map[netip.AddrPort]byte{}}
	const sources, each = 5, 100
	for range sources {
		conn, err := net.Dial("udp", u.Address().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		for i := range each { // before Serve: they wait in the socket, and come in batches
			if _, err := conn.Write(append([]byte{byte(i)}, make([]byte, i)...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	u.Serve(c)
	for deadline := time.Now().Add(20 * time.Second); c.count() < sources*each && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if c.count() != sources*each || c.bad != 0 {
		t.Errorf("%d of %d came, %d out of order or changed", c.count(), sources*each, c.bad)
	}
}

func TestUDPClosesUnderLoad(t *testing.T) {
	u := open(t, "127.0.0.1:0", 1)
	stop := make(chan struct{})
	var flood sync.WaitGroup
	flood.Go(func() {
		conn, err := net.Dial("udp", u.Address().String())
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = conn.Write([]byte("x"))
			}
		}
	})
	for u.Stats().Received < 1000 {
		time.Sleep(time.Millisecond)
	}
	closed := make(chan struct{})
	go func() { defer close(closed); _ = u.Close() }()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Error("Close does not return while datagrams come")
	}
	close(stop)
	flood.Wait()
}
