package server

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/wire"
)

// TestRefusersAreForgotten: after a minute, and those alone that were added.
func TestRefusersAreForgotten(t *testing.T) {
	r := newRefusers()
	a, mapped, port := netip.MustParseAddrPort("192.0.2.1:5060"), netip.MustParseAddrPort("[::ffff:192.0.2.1]:5060"), netip.MustParseAddrPort("192.0.2.1:5061")
	if r.has(a, 0) || r.has(netip.AddrPort{}, 0) {
		t.Error("one that was never added is there")
	}
	r.add(a, 5_000)
	for now, want := range map[int64]bool{5_000: true, 64_999: true, 66_000: false} {
		if r.has(a, now) != want || r.has(mapped, now) != want || r.has(port, now) {
			t.Errorf("at %d: %v, want %v", now, r.has(a, now), want)
		}
	}
	for i := range 100_000 { // the memory is what it is
		r.add(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060), 5_000)
	}
	if n := testing.AllocsPerRun(100, func() { r.add(a, 1); _ = r.has(a, 1) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestRFC3261_18_1_1_RefusalOfTCPIsRemembered: who refused a connection for a large request
// gets the next one by UDP at once, also where it would take a connection by now; another
// address is tried by TCP, and so is that one when it is forgotten.
func TestRFC3261_18_1_1_RefusalOfTCPIsRemembered(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, everyTransport)[0]
	alice, bob, carol := newPhone(t, "alice"), newPhoneAtPort(t, "bob", 5060), newPhoneAtPort(t, "carol", 5060)
	bob.register(x)
	carol.register(x)
	large := "X-Large: " + strings.Repeat("x", 1300)
	call := func(p *phone, listener net.Listener, want string) {
		t.Helper()
		d := alice.ring(x.addr, "sip:"+p.user+"@example.com", large)
		if p.over = nil; listener != nil {
			p.accept(listener)
		}
		invite := p.request("INVITE")
		if via := invite.values(wire.HeaderVia)[0]; !strings.HasPrefix(via, "SIP/2.0/"+want+" ") {
			t.Errorf("%s was called by Via %s, want %s", p.user, via, want)
		}
		p.reply(invite, 486, "Busy Here", "b")
		d.ackFailure(alice.status(486))
		p.request("ACK")
	}
	call(bob, nil, "UDP") // refused
	atBob := bob.listens(5060, nil)
	call(bob, nil, "UDP")
	call(bob, nil, "UDP")
	call(carol, carol.listens(5060, nil), "TCP")
	place, _ := x.refusers.place(bob.addr)
	place.Store(0)
	call(bob, atBob, "TCP")
}
