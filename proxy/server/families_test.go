package server

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/wire"
)

// A member with an address of each family serves phones of both, and calls between
// them: each phone hears it from the address of its own family.
func TestBothFamilies(t *testing.T) {
	t.Parallel()
	for name, listen := range map[string][2]string{"IPv4 first": {"127.0.0.1:0", "[::1]:0"}, "IPv6 first": {"[::1]:0", "127.0.0.1:0"}} {
		t.Run(name, func(t *testing.T) {
			x := startProxy(t, func(o *proxyOptions) { o.listen, o.second = listen[0], listen[1] })
			four, six := x.Addresses()[0], x.Addresses()[1]
			if four.Addr().Is6() {
				four, six = six, four
			}
			atFour, atSix := &proxy{Server: x.Server, addr: four}, &proxy{Server: x.Server, addr: six}
			alice, bob := newPhone(t, "alice"), newPhoneAt(t, "bob", "[::1]:0")
			alice.register(atFour)
			bob.register(atSix)
			for who, call := range map[string]func() (caller, callee *dialog){
				"alice calls bob": func() (caller, callee *dialog) { return callBetween(atFour, alice, bob) },
				"bob calls alice": func() (caller, callee *dialog) { return callBetween(atSix, bob, alice) },
			} {
				caller, callee := call()
				if callee.proxy.Addr().Is6() != callee.p.addr.Addr().Is6() {
					t.Errorf("%s: the call came from %s", who, callee.proxy)
				}
				for _, ends := range [][2]*dialog{{caller, callee}, {callee, caller}} {
					ends[0].send("INFO")
					ends[1].p.reply(ends[1].p.request("INFO"), 200, "OK", "")
					ends[0].p.status(200)
				}
				caller.send("BYE")
				callee.p.reply(callee.p.request("BYE"), 200, "OK", "")
				caller.p.status(200)
			}
			alice.quiet(50 * time.Millisecond)
			bob.quiet(50 * time.Millisecond)
		})
	}
}

// callBetween makes a call and returns both ends.
func callBetween(x *proxy, from, to *phone) (caller, callee *dialog) {
	caller = from.ring(x.addr, "sip:"+to.user+"@example.com")
	invite := to.request("INVITE")
	tag := unique("t")
	to.reply(invite, 200, "OK", tag, "Contact: <"+to.contact()+">")
	caller.answered(from.status(200))
	caller.ack()
	to.request("ACK")
	return caller, to.callee(invite, tag)
}

// What names the second address names this member, and nobody is to be called
// there.
func TestSecondAddressIsOurs(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.second = "[::1]:0" })
	bob := newPhone(t, "bob")
	bob.register(x)
	second := x.Addresses()[1]
	alice := newPhoneAt(t, "alice", "[::1]:0")
	alice.ring(second, "sip:bob@example.com", fmt.Sprintf("Route: <sip:%s;lr>", second))
	if invite := bob.request("INVITE"); len(invite.values(wire.HeaderRoute)) != 0 {
		t.Errorf("our own Route %v is still there", invite.values(wire.HeaderRoute))
	}
	for _, a := range []netip.AddrPort{x.addr, second} {
		if x.current().egress.Allows(a) {
			t.Errorf("requests may go to %s, which is ourselves", a)
		}
	}
}
