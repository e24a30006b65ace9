package phones

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestALostACKIsSentAgain: who was called repeats the 200 until it comes (RFC 3261
// 13.3.1.4), and the caller answers each (13.2.2.4).
func TestALostACKIsSentAgain(t *testing.T) {
	between, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = between.Close() })
	bob := phone(t, Config{User: "bob"})
	alice := phone(t, Config{User: "alice", Proxy: netip.MustParseAddrPort(between.LocalAddr().String())})
	go pass(between, alice.local, bob.local)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	call, err := alice.Dial(ctx, "bob")
	if err != nil {
		t.Fatal(err)
	}
	bob.mu.Lock()
	acked := bob.calls[call.callID].acked
	bob.mu.Unlock()
	select {
	case <-acked:
	case <-ctx.Done():
		t.Fatal("the ACK that was lost never came again")
	}
	if err := call.Bye(ctx); err != nil {
		t.Error(err)
	}
}

// pass carries datagrams both ways, and loses the first ACK.
func pass(between *net.UDPConn, one, other netip.AddrPort) {
	buf := make([]byte, 4096)
	for lost := false; ; {
		n, from, err := between.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if !lost && bytes.HasPrefix(buf[:n], []byte("ACK ")) {
			lost = true
			continue
		}
		to := one
		if from == one {
			to = other
		}
		_, _ = between.WriteToUDPAddrPort(buf[:n], to)
	}
}
