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
	bob := listen(t)
	go answerBusy(bob)
	contact := "sip:x7f3a-9@" + bob.LocalAddr().String()
	if got := f.register(1, "bob", contact); !strings.HasPrefix(got, "SIP/2.0 200") {
		t.Fatal(got)
	}
	nobody := "sip:nobody@" + bob.LocalAddr().String()
	for member := 1; member <= 3; member++ {
		for uri, want := range map[string]string{contact: "486", nobody: "404"} {
			if got := f.call(listen(t), member, uri); !strings.HasPrefix(got, "SIP/2.0 "+want) {
				t.Errorf("%s through member %d: %s", uri, member, got)
			}
		}
	}
}

// answerBusy answers every INVITE with 486, until the socket is closed.
func answerBusy(phone *net.UDPConn) {
	buf := make([]byte, 4096)
	for {
		n, from, err := phone.ReadFrom(buf)
		if err != nil {
			return
		}
		if request := string(buf[:n]); strings.HasPrefix(request, "INVITE ") {
			_, _ = phone.WriteTo([]byte(busy(request)), from)
		}
	}
}

// call sends an INVITE through a member and returns its final answer. It is sent anew
// after a 503: one of the others was too slow to say whose the contact is.
func (f *folder) call(from *net.UDPConn, member int, uri string) string {
	f.t.Helper()
	proxy, err := net.ResolveUDPAddr("udp", net.JoinHostPort(f.set.Members[member-1].Address, "15060"))
	if err != nil {
		f.t.Fatal(err)
	}
	for try := 1; ; try++ {
		id := fmt.Sprintf("%d-%d", try, from.LocalAddr().(*net.UDPAddr).Port)
		if _, err := from.WriteTo([]byte(fmt.Sprintf("INVITE %[1]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;rport;branch=z9hG4bK%[3]s\r\nMax-Forwards: 70\r\n"+
			"From: <sip:alice@example.com>;tag=a\r\nTo: <%[1]s>\r\nCall-ID: %[3]s\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@%[2]s>\r\nContent-Length: 0\r\n\r\n",
			uri, from.LocalAddr(), id)), proxy); err != nil {
			f.t.Fatal(err)
		}
		answer := ""
		for !strings.Contains(answer, "\r\nCall-ID: "+id+"\r\n") || strings.HasPrefix(answer, "SIP/2.0 100") {
			answer, _ = next(f.t, from, "SIP/2.0 ")
		}
		if try == 20 || !strings.HasPrefix(answer, "SIP/2.0 503") {
			return answer
		}
	}
}
