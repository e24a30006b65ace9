//go:build linux && e2e

package cluster

import (
	"context"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

// Behind the NAT, what was sent to is heard of, from that address and port alone. No node has
// to run for this.
func TestNATIsAddressAndPortRestricted(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o := Options{Name: "nattest", Nodes: 1, Zones: 1, Subnet: "10.97.0.0/16"}
	if err := o.buildNetwork(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.removeNetwork(context.Background()); err != nil {
			t.Error(err)
		}
	})
	c := &Cluster{state: &state{Options: o}}
	for range 2 { // a second time changes nothing
		if err := c.HideBehindNAT(ctx, 30*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	listen := func(in func(func() error) error, at string) (conn *net.UDPConn) {
		if err := in(func() (err error) {
			conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	onNode := func(f func() error) error { return inNetns(o.nodeNS(1), f) }
	node := newPlan(o.Subnet).node(1)
	phone := listen(c.InNAT, "192.168.77.1:5060")
	server, other := listen(onNode, node+":5060"), listen(onNode, node+":5061")
	stranger := listen(c.InClient, "198.51.100.1:5060")

	send := func(from *net.UDPConn, to netip.AddrPort, text string) {
		t.Helper()
		if _, err := from.WriteToUDPAddrPort([]byte(text), to); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(at *net.UDPConn) (string, netip.AddrPort) {
		t.Helper()
		raw := make([]byte, 100)
		if err := at.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, from, err := at.ReadFromUDPAddrPort(raw)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw[:n]), from
	}
	send(phone, netip.MustParseAddrPort(node+":5060"), "register")
	text, seen := hear(server)
	if text != "register" || seen.Addr().String() != NATAddress {
		t.Fatalf("%q from %v, want it from %s", text, seen, NATAddress)
	}
	// What was not asked for comes first, and would be heard first.
	send(other, seen, "from another port")
	send(stranger, seen, "from another address")
	send(server, seen, "answer")
	if text, from := hear(phone); text != "answer" || from.String() != node+":5060" {
		t.Errorf("the phone heard %q from %v, want the answer alone", text, from)
	}
}
