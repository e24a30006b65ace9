package command

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

// TestListenersOfAllMembers: a phone registers at a listener of one member, and is
// called through each from that member's same listener, whichever the caller uses: the
// listener is part of the binding that the members have of it.
func TestListenersOfAllMembers(t *testing.T) {
	f := newFolder(t, 3)
	c, err := os.ReadFile(f.file("config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	f.write("config.yaml", append(c, "listeners: [{name: phones, port: 15060}, {name: trunks, port: 15061}]\n"...))
	for _, m := range f.set.Members {
		f.start(m.Name, "--address", m.Address, "--keys", f.file("keys.json"))
	}
	for i := range f.set.Members {
		f.await(i+1, "/readyz", ready)
	}
	to := func(member int, port string) *net.UDPAddr {
		a, err := net.ResolveUDPAddr("udp", net.JoinHostPort(f.set.Members[member-1].Address, port))
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	send := func(from *net.UDPConn, at *net.UDPAddr, id, text string) {
		if _, err := from.WriteTo([]byte(fmt.Sprintf(strings.ReplaceAll(text, "\n", "\r\n"), from.LocalAddr(), id)), at); err != nil {
			t.Fatal(err)
		}
	}
	alice := listen(t)
	for i, port := range []string{"15060", "15061"} {
		bob := listen(t)
		user := fmt.Sprintf("bob%d", i)
		send(bob, to(1, port), "r"+port, "REGISTER sip:example.com SIP/2.0\nVia: SIP/2.0/UDP %[1]s;rport;branch=z9hG4bK%[2]s\nMax-Forwards: 70\nFrom: <sip:"+user+"@example.com>;tag=1\n"+
			"To: <sip:"+user+"@example.com>\nCall-ID: %[2]s\nCSeq: 1 REGISTER\nContact: <sip:bob@%[1]s>\nContent-Length: 0\n\n")
		if _, from := next(t, bob, "SIP/2.0 200"); from.String() != to(1, port).String() {
			t.Errorf("registered at %s, answered from %s", to(1, port), from)
		}
		for member := 1; member <= 3; member++ {
			send(alice, to(member, "15060"), fmt.Sprintf("m%s-%d", port, member), "MESSAGE sip:"+user+"@example.com SIP/2.0\nVia: SIP/2.0/UDP %[1]s;rport;branch=z9hG4bK%[2]s\nMax-Forwards: 70\n"+
				"From: <sip:alice@example.com>;tag=a\nTo: <sip:"+user+"@example.com>\nCall-ID: %[2]s\nCSeq: 1 MESSAGE\nContent-Length: 0\n\n")
			message, hop := next(t, bob, "MESSAGE ")
			if want := to(member, port).String(); hop.String() != want {
				t.Errorf("the MESSAGE comes from %s, not %s", hop, want)
			}
			if _, err := bob.WriteTo([]byte(strings.Replace(busy(message), "486 Busy Here", "200 OK", 1)), hop); err != nil {
				t.Fatal(err)
			}
			if _, from := next(t, alice, "SIP/2.0 200"); from.String() != to(member, "15060").String() {
				t.Errorf("answered from %s, not %s", from, to(member, "15060"))
			}
		}
	}
}
