package main

import (
	"net"
	"net/netip"
	"os"
	"testing"
)

// What a socket has no room for is counted, by the kernel and here.
func TestDropsAt(t *testing.T) {
	full, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	if err := full.SetReadBuffer(1); err != nil {
		t.Fatal(err)
	}
	at := full.LocalAddr().(*net.UDPAddr).AddrPort()
	drops := func(at netip.AddrPort) int {
		sockets, err := os.ReadFile("/proc/net/udp")
		if err != nil {
			t.Fatal(err)
		}
		n, err := dropsAt(sockets, at)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := drops(at); n != 0 {
		t.Errorf("%d lost before any was sent", n)
	}
	for range 100 {
		if _, err := full.WriteToUDPAddrPort(make([]byte, 1000), at); err != nil {
			t.Fatal(err)
		}
	}
	if n := drops(at); n < 90 || n > 100 {
		t.Errorf("%d of 100 lost, in a buffer for a few", n)
	}
	if n := drops(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), at.Port())); n != 0 {
		t.Errorf("%d lost at another address", n)
	}
}
