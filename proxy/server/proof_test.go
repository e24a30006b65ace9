package server

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/wire"
)

// An address is known to receive for an hour since it answered, port and all.
func TestProofsLastAnHour(t *testing.T) {
	m, a := newFacts(), netip.MustParseAddrPort("192.0.2.1:5060")
	const hour = 3_600_000
	if m.has(m.address(a), receives, 0) {
		t.Error("known before it answered")
	}
	for _, now := range []int64{0, 5 * hour, 1100 * hour} {
		m.add(m.address(a), receives, now, now+remembered)
		if !m.has(m.address(netip.MustParseAddrPort("[::ffff:192.0.2.1]:5060")), receives, now) || !m.has(m.address(a), receives, now+hour-60_000) || m.has(m.address(a), receives, now+hour) {
			t.Errorf("added at %d ms it is not known for an hour", now)
		}
		if m.has(m.address(netip.MustParseAddrPort("192.0.2.1:5061")), receives, now) {
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
		bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, "Contact: <sip:"+unique(strings.Repeat("some-longer-name-of-a-contact", 6))+"@192.0.2.1>"))
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

// A phone that has registered hears of a failure until its ACK comes, though nobody
// has called it yet; a stranger no more often than its INVITE pays for.
func TestRFC3261_17_2_1_FailuresAreRepeatedToPhones(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		registers, trusted bool
		want               int // of 4 that are waited for
	}{"registered": {registers: true, want: 4}, "trusted": {trusted: true, want: 4}, "stranger": {want: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startProxy(t, func(o *proxyOptions) {
				o.timers.T1 = 50 * time.Millisecond
				o.config.Limits.Trusted = nil
				if c.trusted {
					o.config.Limits.Trusted = []string{"127.0.0.0/8"}
				}
			})
			alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
			bob.register(x)
			if c.registers {
				alice.register(x)
			}
			alice.ring(x.addr, "sip:bob@example.com")
			bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
			alice.status(486)
			heard := 1
			for heard < 4 && alice.receive(500*time.Millisecond) != nil {
				heard++
			}
			if heard != c.want {
				t.Errorf("486 came %d times, want %d", heard, c.want)
			}
		})
	}
}
