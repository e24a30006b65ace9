package server

import (
	"net/netip"
	"testing"
	"time"
)

// The answer to a BYE is lost, and the BYE comes again at another pod. For the callee
// that is the same transaction, so it answers the pod that the BYE came from first.
func TestRepeatedAnswerReachesThePodThatAskedAgain(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 3, repeats)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	d, _ := establish(t, x[0], alice, bob)
	bye := []byte(d.head("BYE", d.target, unique("z9hG4bKreq"), 2) + "Content-Length: 0\r\n\r\n")
	alice.sendRaw(x[0].addr, bye)
	first := bob.request("BYE")
	bob.reply(first, 200, "OK", "")
	if r := alice.status(200); r.from != x[0].addr {
		t.Fatalf("200 from %s", r.from)
	}
	alice.sendRaw(x[1].addr, bye)
	bob.request("BYE")
	bob.reply(first, 200, "OK", "")
	if r := alice.status(200); r.from != x[1].addr {
		t.Errorf("200 from %s, want the pod that the BYE came to again", r.from)
	}
	bob.quiet(timerG) // E is as long: bob would have the BYE again
}

// A node has given the INVITE's flow another port, and has forgotten it before the answer:
// the one that is repeated goes to the port that the caller has, too.
func TestRepeated2xxReachesTheCallersOwnPort(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, node, bob := newPhone(t, "alice"), newPhone(t, "node"), newPhone(t, "bob")
	bob.register(x)
	d := alice.ring(netip.MustParseAddrPort("127.0.0.1:9"), "sip:bob@example.com") // not to the proxy
	node.sendRaw(x.addr, []byte(d.lastInviteText))
	invite := bob.request("INVITE")
	node.status(100)
	bob.reply(invite, 200, "OK", "b", "Contact: <"+bob.contact()+">")
	node.status(200)
	alice.quiet(50 * time.Millisecond)
	node.forget()
	bob.reply(invite, 200, "OK", "b", "Contact: <"+bob.contact()+">")
	node.status(200)
	d.proxy = x.addr
	d.answered(alice.status(200))
	d.ack()
	bob.request("ACK")
}
