package command

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// until waits for a condition.
func (f *folder) until(what string, ok func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("not seen: %s", what)
		}
	}
}

func TestProxyFollowsItsConfiguration(t *testing.T) {
	f := newFolder(t, 1)
	f.start("m1", "--address", f.set.Members[0].Address)
	f.await(1, "/readyz", ready)
	write := func(registrar string, sip int) {
		f.write("config.yaml", fmt.Appendf(nil, "cluster: test\ndomains: [example.com]\nlogLevel: error\nregistrar: %s\n"+
			"egress: {contacts: Any}\nports: {sip: %d, peer: 17947, health: 17948, admin: 19090}\n", registrar, sip))
	}
	granted := func(seconds int) func() bool {
		return func() bool {
			return strings.Contains(f.register(1, "bob", "sip:bob@192.0.2.1"), fmt.Sprintf(";expires=%d", seconds))
		}
	}
	f.until("the default", granted(3600))
	write("{maxExpires: 900}", 15060)
	f.until("a new maxExpires", granted(900))
	write("{minExpires: 900, maxExpires: 90}", 15060) // cannot work
	write("{maxExpires: 800}", 15061)                 // the port waits for a start
	f.until("what came after an invalid one, at the port that was", granted(800))
}
