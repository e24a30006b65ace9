package command

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/application"
)

// invites calls a user by a member, and returns which application has answered.
func (f *folder) invites(member int, user string) string {
	f.t.Helper()
	conn := listen(f.t)
	to, err := net.ResolveUDPAddr("udp", net.JoinHostPort(f.set.Members[member-1].Address, "15060"))
	if err != nil {
		f.t.Fatal(err)
	}
	at := conn.LocalAddr().String()
	invite := fmt.Sprintf("INVITE sip:%[2]s@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;rport;branch=z9hG4bK%[3]s\r\nMax-Forwards: 70\r\n"+
		"From: <sip:alice@example.com>;tag=%[3]s\r\nTo: <sip:%[2]s@example.com>\r\nCall-ID: %[3]s\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@%[1]s>\r\nContent-Length: 0\r\n\r\n",
		at, user, strings.ReplaceAll(at, ":", "-"))
	if _, err := conn.WriteTo([]byte(invite), to); err != nil {
		f.t.Fatal(err)
	}
	ok, _ := next(f.t, conn, "SIP/2.0 200")
	_, by, _ := strings.Cut(ok, "X-Application: ")
	by, _, _ = strings.Cut(by, "\r\n")
	return by
}

// TestTwoCallersAtTheEndOfAPin: a pin to another application than the ring's ends when two
// callers come, one after the other and by two members. Both are at the same one.
func TestTwoCallersAtTheEndOfAPin(t *testing.T) {
	const users, before = 9, 20 * time.Millisecond
	f := newFolder(t, 3)
	f.pins = 1
	port, _ := f.userAgents()
	f.withApplication(port, 0)
	all, _ := f.runAll()
	for _, p := range all {
		f.until("all applications serve", func() bool { return p.beside.Table.Serving() == 3 })
	}
	pinned, home := 0, 0
	for i := range users {
		user := fmt.Sprintf("room-%d", i)
		aor := []byte("sip:" + user + "@example.com")
		pin := application.AppendPinAOR(nil, aor)
		ends := func() (until int64) {
			for _, p := range all { // those that hold it
				if look, ok := p.node.Load().Look(pin); ok {
					_, at, _ := application.PinnedUntil(look.Record, look.Now)
					until = max(until, at)
				}
			}
			return until
		}
		all[i%3].beside.CallComes(aor)
		f.until("the pin", func() bool { return ends() > 0 })
		end := time.UnixMilli(ends())
		time.Sleep(time.Until(end.Add(-before)))
		one := f.invites(1+(i+1)%3, user)
		time.Sleep(time.Until(end.Add(before)))
		two := f.invites(1+(i+2)%3, user)
		if one != two || one == "" {
			t.Errorf("%s: the first caller is at %q, the second at %q", user, one, two)
		}
		if strings.HasPrefix(one, f.set.Members[i%3].Address) {
			pinned++
		} else {
			home++
		}
	}
	t.Logf("%d pairs by the pin, %d by the ring", pinned, home)
}
