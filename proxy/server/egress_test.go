package server

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/transport"
)

// toItself lets a proxy send to where it receives.
func toItself(o *proxyOptions) { o.config.Egress.Allow = []string{"127.0.0.1/32"} }

// anyContact lets phones register and be called at others' addresses.
func anyContact(o *proxyOptions) { o.config.Egress.Contacts = config.ContactsAny }

// denyOutsider closes the address of an outsider, which is on this machine as the
// phones are.
func denyOutsider(o *proxyOptions) { o.config.Egress.Deny = []string{"127.0.0.9/32"} }

// outsider is somebody who is no phone and wants no calls.
func outsider(t *testing.T) *phone { return newPhoneAt(t, "outsider", "127.0.0.9:0") }

// nobodyAnswers is what a caller of nobody gets, and how soon.
func nobodyAnswers(t *testing.T, what string, alice *phone, d *dialog) time.Duration {
	t.Helper()
	begun := time.Now()
	r := alice.receive(patience)
	for r != nil && r.StatusCode() == 100 {
		r = alice.receive(patience)
	}
	if r == nil {
		t.Fatalf("%s: no answer", what)
	}
	if r.StatusCode() != 480 || string(r.Reason()) != "Temporarily Unavailable" {
		t.Fatalf("%s: want 480, got\n%s", what, r.Raw)
	}
	took := time.Since(begun)
	d.ackFailure(r)
	return took
}

// nobodySoon calls until the 480 comes as soon as for nobody: the machine may be busy,
// not every time.
func nobodySoon(t *testing.T, what string, alice *phone, x *proxy, uri string) {
	t.Helper()
	const soon = 400 * time.Millisecond
	least := time.Hour
	for try := 0; try < 10 && least > soon; try++ {
		least = min(least, nobodyAnswers(t, what, alice, alice.ring(x.addr, uri)))
	}
	if least > soon {
		t.Errorf("%s: the 480 took %s at best", what, least)
	}
}

// A refused target is answered like none: whether something listens there, nothing
// does, or there is no such host does not show.
func TestRefusedTargetIsLikeNone(t *testing.T) {
	t.Parallel()
	x := startProxy(t, anyContact, denyOutsider, func(o *proxyOptions) { o.lookup = resolveTo("127.0.0.9") })
	alice, bob, out := newPhone(t, "alice"), newPhone(t, "bob"), outsider(t)
	nobodySoon(t, "nobody", alice, x, "sip:nobody@example.com")
	for what, contact := range map[string]string{
		"open": out.addr.String(), "closed": "127.0.0.9:9", "a name": fmt.Sprintf("out.example:%d", out.addr.Port()), "maddr": "h.invalid;maddr=127.0.0.9",
		"peers": "127.0.0.1:7947", "admin": "127.0.0.1:9090", "itself": x.addr.String(), "mapped": "[::ffff:127.0.0.9]:5060",
		"metadata": "169.254.169.254:80", "multicast": "224.0.0.1", "broadcast": "255.255.255.255", "unspecified": "0.0.0.0",
	} {
		bob.registerAt(x, "sip:bob@example.com", "sip:b@"+contact)
		nobodySoon(t, what, alice, x, "sip:bob@example.com")
		if what != "itself" && what != "maddr" { // which routing refuses
			nobodySoon(t, what+", as a contact", alice, x, "sip:b@"+contact)
		}
		bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, "Contact: *", "Expires: 0"))
		bob.status(200)
	}
	out.quiet(50 * time.Millisecond)
	if n := x.metrics.refused.Load(); n == 0 {
		t.Error("none of them is counted")
	}
}

// A fork goes on without the targets that are refused.
func TestForkGoesOnWithoutARefusedTarget(t *testing.T) {
	t.Parallel()
	x := startProxy(t, anyContact, denyOutsider)
	alice, bob, out := newPhone(t, "alice"), newPhone(t, "bob"), outsider(t)
	bob.register(x)
	bob.registerAt(x, "sip:bob@example.com", out.contact())
	d := alice.ring(x.addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))
	out.quiet(50 * time.Millisecond)
}

// A datagram that a member seems to have sent makes none to a port that members
// have for each other, whatever its Via says of where the answer goes.
func TestNoAnswerToAnInsidePort(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	member := newPhoneAt(t, "peer", "127.0.0.1:7947")
	bob := newPhone(t, "bob")
	for _, request := range []string{"OPTIONS sip:example.com", "REGISTER sip:example.com", "INVITE sip:nobody@example.com", "INVITE mailto:x", "OPTIONS sip:\x01"} {
		bob.sendRaw(x.addr, crlf(fmt.Sprintf(`
			%s SIP/2.0
			Via: SIP/2.0/UDP 127.0.0.1:7947;branch=%s
			Max-Forwards: 70
			From: <sip:bob@example.com>;tag=1
			To: <sip:bob@example.com>
			Call-ID: %s
			CSeq: 1 %s`, request, unique("z9hG4bK"), unique("o"), strings.Fields(request)[0])))
	}
	counted(t, "with a member's source", x.metrics.dropped[dropSource].Load, 5)
	member.quiet(50 * time.Millisecond)
}

// The policy is asked after DNS, which may say another thing each time.
func TestNameThatTurnsInside(t *testing.T) {
	t.Parallel()
	answers := make(chan string, 1)
	x := startProxy(t, anyContact, func(o *proxyOptions) {
		o.lookup = transport.Lookup(func(context.Context, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr(<-answers)}, nil
		})
	})
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	for i, a := range []string{"127.0.0.1", "169.254.169.254", "0.0.0.0"} {
		bob.registerAt(x, "sip:bob@example.com", fmt.Sprintf("sip:bob@h%d.example:%d", i, bob.addr.Port()))
		answers <- a
		d := alice.ring(x.addr, "sip:bob@example.com")
		if i == 0 {
			bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
			bob.request("ACK")
			d.ackFailure(alice.status(486))
		} else {
			nobodyAnswers(t, a, alice, d)
		}
		bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, "Contact: *", "Expires: 0"))
		bob.status(200)
	}
}
