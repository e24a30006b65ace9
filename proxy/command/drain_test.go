package command

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// listen is a socket of the test's, closed at its end.
func listen(t *testing.T) *net.UDPConn {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// next is the next message that begins so.
func next(t *testing.T, conn *net.UDPConn, start string) (string, net.Addr) {
	t.Helper()
	buf := make([]byte, 4096)
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			t.Fatalf("no %s: %v", start, err)
		}
		if strings.HasPrefix(string(buf[:n]), start) {
			return string(buf[:n]), from
		}
	}
}

// busy is the 486 to a request.
func busy(request string) string {
	answer := "SIP/2.0 486 Busy Here\r\n"
	for line := range strings.SplitSeq(request, "\r\n") {
		name, _, _ := strings.Cut(line, ":")
		switch name {
		case "To":
			line += ";tag=b"
			fallthrough
		case "Via", "From", "Call-ID", "CSeq":
			answer += line + "\r\n"
		}
	}
	return answer + "Content-Length: 0\r\n\r\n"
}

// callBeingSetUp has the first member set up a call that bob has yet to answer:
// he got the request from hop.
func (f *folder) callBeingSetUp() (alice, bob *net.UDPConn, request string, hop net.Addr) {
	f.t.Helper()
	alice, bob = listen(f.t), listen(f.t)
	f.register(1, "bob", "sip:bob@"+bob.LocalAddr().String())
	proxy, err := net.ResolveUDPAddr("udp", net.JoinHostPort(f.set.Members[0].Address, "15060"))
	if err != nil {
		f.t.Fatal(err)
	}
	invite := fmt.Sprintf("INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;rport;branch=z9hG4bKdrain\r\nMax-Forwards: 70\r\n"+
		"From: <sip:alice@example.com>;tag=a\r\nTo: <sip:bob@example.com>\r\nCall-ID: drain\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@%[1]s>\r\nContent-Length: 0\r\n\r\n",
		alice.LocalAddr())
	if _, err := alice.WriteTo([]byte(invite), proxy); err != nil {
		f.t.Fatal(err)
	}
	request, hop = next(f.t, bob, "INVITE ")
	next(f.t, alice, "SIP/2.0 100")
	return alice, bob, request, hop
}

// startAll starts every member with the drainSeconds and waits until they are ready.
func (f *folder) startAll(drainSeconds int) (stops []func()) {
	f.t.Helper()
	f.write("config.yaml", fmt.Appendf(nil, "cluster: test\ndomains: [example.com]\nlogLevel: error\ndrainSeconds: %d\negress: {contacts: Any}\nports: {sip: 15060, peer: 17947, health: 17948, admin: 19090}\n", drainSeconds))
	for _, m := range f.set.Members {
		stops = append(stops, f.start(m.Name, "--address", m.Address, "--keys", f.file("keys.json")))
	}
	for i := range f.set.Members {
		f.await(i+1, "/readyz", ready)
	}
	return stops
}

// TestDrainingProxyStaysReadyWhileACallIsSetUp: its readiness is what makes
// kube-proxy forget the flows that lead to it.
func TestDrainingProxyStaysReadyWhileACallIsSetUp(t *testing.T) {
	f := newFolder(t, 2)
	stops := f.startAll(60)
	alice, bob, request, hop := f.callBeingSetUp()
	stopped := make(chan struct{})
	go func() { defer close(stopped); stops[0]() }()
	f.await(1, "/v1/events", func(_ int, body string) bool { return strings.Contains(body, `"draining"`) })
	if status, body := f.get(1, "/readyz"); status != http.StatusOK {
		t.Errorf("a call is being set up, and /readyz says %d %s", status, body)
	}
	if _, err := bob.WriteTo([]byte(busy(request)), hop); err != nil {
		t.Fatal(err)
	}
	next(t, alice, "SIP/2.0 486")
	f.await(1, "/readyz", func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(body, "handed over")
	})
	<-stopped
}

// TestDrainOfNoTime: 0 is what was asked for, and not the default.
func TestDrainOfNoTime(t *testing.T) {
	f := newFolder(t, 2)
	stops := f.startAll(0)
	f.callBeingSetUp() // or there would be nothing to wait for
	stops[0]()
}
