package fleet

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

func claimed(t *testing.T) *Network {
	t.Helper()
	n, err := Claim("", 3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Release)
	return n
}

func TestTwoDemosHaveTwoNetworks(t *testing.T) {
	a, b := claimed(t), claimed(t)
	if a.base == b.base {
		t.Errorf("both have %s", a.base)
	}
	if _, err := Claim(a.base.String(), 3); !errors.Is(err, errTaken) || !strings.Contains(err.Error(), a.base.String()) {
		t.Errorf("asked for by name: %v, want that %s is taken", err, a.base)
	}
	a.Release()
	again, err := Claim(a.base.String(), 3)
	if err != nil {
		t.Fatalf("released, but not free: %v", err)
	}
	again.Release()
}

func TestNetworkAddresses(t *testing.T) {
	n := &Network{base: netip.MustParseAddr("127.9.8.7"), Ports: config.Ports{SIP: 15060}}
	if got := n.Cluster().String(); got != "127.9.8.1:15060" {
		t.Errorf("the cluster's address is %s", got)
	}
	if got := n.addresses(2); len(got) != 3 || got[0].String() != "127.9.8.1" || got[1].String() != "127.9.8.11" || got[2].String() != "127.9.8.12" {
		t.Errorf("addresses %v", got)
	}
}

// Another program has a port at one of the addresses, or at all.
func TestPortsOfOthersAreAvoided(t *testing.T) {
	n := claimed(t)
	at := n.addresses(3)
	var before Network
	if err := before.takePorts(at); err != nil {
		t.Fatal(err)
	}
	for name, take := range map[string]func(host string) (func() error, error){
		"metrics, tcp": func(host string) (func() error, error) {
			l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(addrPort(host, before.Ports.Admin)))
			return func() error { return l.Close() }, err
		},
		"TLS, tcp": func(host string) (func() error, error) {
			l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(addrPort(host, before.TLS)))
			return func() error { return l.Close() }, err
		},
		"SIP, udp": func(host string) (func() error, error) {
			l, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(addrPort(host, before.Ports.SIP)))
			return func() error { return l.Close() }, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			free, err := take(at[2].String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = free() }()
			var got Network
			if err := got.takePorts(at); err != nil {
				t.Fatal(err)
			}
			p := before.Ports
			shift := got.Ports.SIP - p.SIP
			want := Network{
				Ports: config.Ports{SIP: p.SIP + shift, Peer: p.Peer + shift, Health: p.Health + shift, Admin: p.Admin + shift},
				TLS:   before.TLS + shift, WS: before.WS + shift, WSS: before.WSS + shift,
			}
			if got != want || shift < portShift {
				t.Errorf("ports %+v, want all of %+v shifted by %d or more", got, before, portShift)
			}
		})
	}
}

func TestNoPortIsFree(t *testing.T) {
	n := claimed(t)
	for k := range portShifts {
		if l, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(n.Proxy(0), uint16(config.DefaultAdminPort+k*portShift)))); err == nil {
			defer l.Close()
		}
	}
	n.Release()
	_, err := Claim(n.base.String(), 3)
	if err == nil || !strings.Contains(err.Error(), "no free ports: ") || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v, want which address is taken", err)
	}
	// What cannot be used is not kept.
	again, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(n.Host(254), claimPort)))
	if err != nil {
		t.Fatalf("the network is still claimed: %v", err)
	}
	_ = again.Close()
}

func addrPort(host string, port int) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(host), uint16(port))
}
