package command

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// TestEveryProxyFindsAContact: a call for a contact, whose user part does not say
// whose it is, reaches the phone through each member, over the members' streams;
// one that nobody registered is not found by any.
func TestEveryProxyFindsAContact(t *testing.T) {
	f := newFolder(t, 3)
	f.startAll(0)
	alice, bob := listen(t), listen(t)
	contact := "sip:x7f3a-9@" + bob.LocalAddr().String()
	if got := f.register(1, "bob", contact); !strings.HasPrefix(got, "SIP/2.0 200") {
		t.Fatal(got)
	}
	calls := 0
	call := func(member int, contact string) {
		t.Helper()
		calls++
		proxy, err := net.ResolveUDPAddr("udp", net.JoinHostPort(f.set.Members[member-1].Address, "15060"))
		if err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprintf("%d-%d", calls, alice.LocalAddr().(*net.UDPAddr).Port)
		if _, err := alice.WriteTo([]byte(fmt.Sprintf("INVITE %[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;rport;branch=z9hG4bK%[3]s\r\nMax-Forwards: 70\r\n"+
			"From: <sip:alice@example.com>;tag=a\r\nTo: <%[1]s>\r\nCall-ID: %[3]s\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@%[2]s>\r\nContent-Length: 0\r\n\r\n",
			contact, alice.LocalAddr(), id)), proxy); err != nil {
			t.Fatal(err)
		}
	}
	for member := 1; member <= 3; member++ {
		call(member, contact)
		invite, hop := next(t, bob, "INVITE "+contact+" ")
		if _, err := bob.WriteTo([]byte(busy(invite)), hop); err != nil {
			t.Fatal(err)
		}
		next(t, alice, "SIP/2.0 486")
	}
	alice = listen(t)
	for member := 1; member <= 3; member++ {
		nobody := "sip:nobody@" + bob.LocalAddr().String()
		call(member, nobody)
		for answer := ""; !strings.HasPrefix(answer, "SIP/2.0 404"); answer, _ = next(t, alice, "SIP/2.0 ") {
			if strings.HasPrefix(answer, "SIP/2.0 503") { // one of the others was too slow to say so
				call(member, nobody)
			}
		}
	}
}
