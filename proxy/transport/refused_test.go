package transport

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// listener tells what came back, and counts what came.
type listener struct {
	refused chan refusal
	came    chan struct{}
}

type refusal struct{ to, quote string }

func (l listener) Message(flow.Flow, []byte) { l.came <- struct{}{} }
func (l listener) Closed(f flow.Flow, err error) {
	var refused *Refused
	if errors.As(err, &refused) {
		l.refused <- refusal{f.Remote.String(), string(refused.Quote)}
	}
}

func listen(t *testing.T, address string) (*UDP, listener) {
	t.Helper()
	u, err := ListenUDP(UDPConfig{Address: netip.MustParseAddrPort(address), Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := u.Close(); err != nil {
			t.Error(err)
		}
	})
	l := listener{make(chan refusal, 10_000), make(chan struct{}, 10_000)}
	u.Serve(l)
	return u, l
}

// closedPort is an address that nobody listens on, and nobody else can take: its socket
// receives from one peer alone, and for others there is none.
func closedPort(t *testing.T, address string) netip.AddrPort {
	t.Helper()
	peer, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	c, err := net.DialUDP("udp", nil, peer.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return plain(c.LocalAddr().(*net.UDPAddr).AddrPort())
}

// await receives n times, or fails.
func await[T any](t testing.TB, c <-chan T, n int, what string) (last T) {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for i := range n {
		select {
		case last = <-c:
		case <-timeout:
			t.Fatalf("%d of %d %s", i, n, what)
		}
	}
	return last
}

func TestRFC3261_18_4_ClosedPortIsTold(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		u, l := listen(t, address)
		dead := closedPort(t, address)
		want := "INVITE " + address
		if err := u.Send(flow.OverUDP(dead), []byte(want)); err != nil {
			t.Fatal(err)
		}
		if got := await(t, l.refused, 1, "refusals"); got != (refusal{dead.String(), want}) {
			t.Errorf("%s: %q came back, want %q", address, got, want)
		}
	}
}

// TestErrorsHinderNobody: what went to a closed port delays and loses no datagram
// to or from others, and no send to others fails for it.
func TestErrorsHinderNobody(t *testing.T) {
	u, l := listen(t, "127.0.0.1:0")
	dead := closedPort(t, "127.0.0.1:0")
	sink, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sink.Close() }()
	_ = sink.SetReadDeadline(time.Now().Add(20 * time.Second))
	alive, buf := plain(sink.LocalAddr().(*net.UDPAddr).AddrPort()), make([]byte, 100)
	const n = 2000
	for i := range n {
		if err := u.Send(flow.OverUDP(dead), []byte("nobody")); err != nil {
			t.Fatalf("to a closed port, %d: %v", i, err)
		}
		want := strconv.Itoa(i)
		if err := u.Send(flow.OverUDP(alive), []byte(want)); err != nil {
			t.Fatalf("to an open port, %d: %v", i, err)
		}
		size, _, err := sink.ReadFromUDPAddrPort(buf)
		if err != nil || string(buf[:size]) != want {
			t.Fatalf("got %q, %v, want %q", buf[:size], err, want)
		}
		if _, err := sink.WriteToUDPAddrPort(buf[:size], u.Address()); err != nil {
			t.Fatal(err)
		}
		await(t, l.came, 1, "datagrams")
	}
	await(t, l.refused, 1, "refusals")
	if s := u.Stats(); s.Received != n || s.Sent != 2*n || s.SendErrors != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestControlMessagesThatAreNoRefusal(t *testing.T) {
	for name, control := range map[string][]byte{
		"none": nil, "cut short": {1}, "no message": make([]byte, 64), "another": append([]byte{16, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 8)...),
	} {
		if isRefusal(control) {
			t.Errorf("%s: taken for one", name)
		}
	}
}
