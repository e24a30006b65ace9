package phones

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// A phone on UDP that has registered sends keep-alives from the port that it registered
// from, one each interval, and knows when the next one is due.
func TestKeepAliveOverUDP(t *testing.T) {
	proxy, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	const interval = 100 * time.Millisecond
	p := phone(t, Config{User: "alice", Proxy: netip.MustParseAddrPort(proxy.LocalAddr().String()), KeepAlive: interval})
	if at := p.NextKeepAlive(time.Now()); !at.IsZero() {
		t.Errorf("the next keep-alive is due at %v, before it has registered", at)
	}
	began := time.Now()
	go p.keepTranslated()
	raw := make([]byte, 100)
	if err := proxy.SetReadDeadline(began.Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var came [3]time.Time
	for i := range came {
		n, from, err := proxy.ReadFromUDPAddrPort(raw)
		if err != nil {
			t.Fatal(err)
		}
		if came[i] = time.Now(); string(raw[:n]) != "\r\n\r\n" || from != p.local {
			t.Errorf("%q from %v, want two CRLF from %v", raw[:n], from, p.local)
		}
	}
	if took := came[2].Sub(came[0]); took < interval {
		t.Errorf("two intervals took %v, one is %v", took, interval)
	}
	if next := p.NextKeepAlive(came[2]); next.Before(came[2]) || next.After(came[2].Add(interval)) {
		t.Errorf("the next keep-alive is due %v after one, want %v at most", next.Sub(came[2]), interval)
	}
}
