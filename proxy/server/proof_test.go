package server

import (
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/wire"
)

// An address is known to receive for an hour since it answered, port and all.
func TestProofsLastAnHour(t *testing.T) {
	p, a := newRecent(proofPlaces), netip.MustParseAddrPort("192.0.2.1:5060")
	const hour = 3_600_000
	if p.has(0, p.address(a)) {
		t.Error("known before it answered")
	}
	for _, now := range []int64{0, 5 * hour, 1100 * hour} {
		p.add(now, p.address(a))
		if !p.has(now, p.address(netip.MustParseAddrPort("[::ffff:192.0.2.1]:5060"))) || !p.has(now+hour-60_000, p.address(a)) || p.has(now+hour, p.address(a)) {
			t.Errorf("added at %d ms it is not known for an hour", now)
		}
		if p.has(now, p.address(netip.MustParseAddrPort("192.0.2.1:5061"))) {
			t.Error("another port is known")
		}
	}
}

// Who has answered a request of ours gets the whole list of an address-of-record.
func TestRFC3261_10_3_WholeListForWhomIsKnownToReceive(t *testing.T) {
	t.Parallel()
	x := startProxy(t, anyContact)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	for range 9 {
		bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, "Contact: <sip:"+unique("some-longer-name-of-a-contact")+"@192.0.2.1>"))
		bob.status(200)
	}
	bob.register(x)
	if n := len(bob.contacts(x)); n == 0 || n == 10 {
		t.Errorf("%d of 10 contacts for one that may be anybody", n)
	}
	bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, "Contact: <"+bob.contact()+">"))
	if c := bob.status(200).values(wire.HeaderContact); len(c) == 0 || c[0] != "<"+bob.contact()+">;expires=3600" {
		t.Errorf("its own contact is not the first: %v", c)
	}
	alice.ring(x.addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
	alice.status(486)
	bob.request("ACK")
	if n := len(bob.contacts(x)); n != 10 {
		t.Errorf("%d of 10 contacts for one that has answered", n)
	}
}
