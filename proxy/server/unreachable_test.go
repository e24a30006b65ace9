package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/transport"
)

// resolveKnown resolves one name, and no other.
func resolveKnown(name, address string) transport.Lookup {
	return func(_ context.Context, host string) ([]netip.Addr, error) {
		if host != name {
			return nil, errors.New("no such host")
		}
		return []netip.Addr{netip.MustParseAddr(address)}, nil
	}
}

// TestContactsThatCannotBeCalled: what is not reached over UDP is no target, the
// other bindings are, and where none is left the callee is not there: 480.
func TestContactsThatCannotBeCalled(t *testing.T) {
	t.Parallel()
	x := startProxy(t, anyContact, func(o *proxyOptions) { o.lookup = resolveKnown("known.example", "127.0.0.1") })
	alice, bob, desk := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "bob")
	for i, contact := range []string{
		"sip:bob@%s;transport=tls", "sip:bob@%s;transport=TCP", "sip:bob@%s;transport=ws", "sip:bob@%s;Transport=wss", "sip:bob@%s;transport=sctp",
		"sip:bob@%s;%%74ransport=tcp", "sips:bob@%s", "sips:bob@%s;transport=udp", "sip:bob@unknown.example", "sip:bob@[2001:db8::1]:5060",
		"sip:bob@[fe80::1%%254]", "sip:bob@0.0.0.0", "sip:bob@224.0.1.75", "sip:bob@255.255.255.255:5060", "sip:bob@%s;maddr=[2001:db8::1]", "sip:bob@%s;maddr=unknown.example",
	} {
		if strings.Contains(contact, "%s") {
			contact = fmt.Sprintf(contact, bob.addr)
		}
		contact = strings.ReplaceAll(contact, "%%", "%")
		aor := fmt.Sprintf("sip:bob%d@example.com", i)
		bob.registerAt(x, aor, contact)
		d := alice.ring(x.addr, aor)
		d.ackFailure(alice.status(480))
		desk.registerAt(x, aor, desk.contact())
		d = alice.ring(x.addr, aor)
		invite := desk.request("INVITE")
		desk.reply(invite, 486, "Busy Here", "b")
		desk.request("ACK")
		d.ackFailure(alice.status(486))
	}
	bob.quiet(20 * time.Millisecond)
}

// What is one host is reached, however the contact writes it.
func TestContactsThatCanBeCalled(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.lookup = resolveKnown("known.example", "127.0.0.1") })
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	for i, contact := range []string{
		"sip:bob@[::ffff:127.0.0.1]:%d", "sip:bob@[::FFFF:7f00:0001]:%d", "sip:bob@[::ffff:127.0.0.1%%1]:%d", "sip:bob@known.example:%d",
		"sip:bob@127.0.0.1:%d;transport=UDP", "sip:bob@127.0.0.1:%d;transport", "sip:bob@elsewhere.example:%d;maddr=127.0.0.1",
	} {
		contact = fmt.Sprintf(contact, bob.addr.Port())
		aor := fmt.Sprintf("sip:bob%d@example.com", i)
		bob.registerAt(x, aor, contact)
		d := alice.ring(x.addr, aor)
		invite := bob.request("INVITE")
		if string(invite.RequestURI()) != contact {
			t.Errorf("Request-URI %s, want %s", invite.RequestURI(), contact)
		}
		bob.reply(invite, 486, "Busy Here", "b")
		bob.request("ACK")
		d.ackFailure(alice.status(486))
	}
}

// TestNextHopThatCannotBeReached: within a dialog too the answer is 480, which
// ends neither the dialog nor the caller's trust in this proxy.
func TestNextHopThatCannotBeReached(t *testing.T) {
	t.Parallel()
	x := startProxy(t, anyContact, func(o *proxyOptions) { o.lookup = resolveKnown("known.example", "127.0.0.1") })
	alice, bob, router := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "router")
	bob.register(x)
	caller, _ := establish(t, x, alice, bob)
	ours, far := caller.routes[0], caller.target
	for _, c := range []struct{ target, route string }{
		{far + ";transport=tls", ""},
		{far + ";transport=tcp", ""},
		{"sips:bob@" + bob.addr.String(), ""},
		{"sip:bob@[2001:db8::1]", ""},
		{"sip:bob@unknown.example", ""},
		{far, "<" + router.contact() + ";transport=tcp;lr>"},
		{far, "<" + router.contact() + ";lr;transport=tls>"},
		{far, "<sips:" + router.addr.String() + ";lr>"},
		{far, "<" + router.contact() + ";transport=ws>"},
		{far, "<sip:[2001:db8::1];lr>"},
		{far, "<sip:unknown.example;lr>"},
	} {
		caller.target, caller.routes = c.target, []string{ours}
		if c.route != "" {
			caller.routes = append(caller.routes, c.route)
		}
		caller.send("INFO")
		alice.status(480)
		caller.send("INVITE")
		caller.inviteURI = c.target
		alice.status(480)
		caller.ack()
	}
	for _, p := range []*phone{bob, router} {
		p.quiet(20 * time.Millisecond)
	}
	caller.target, caller.routes = far, []string{ours, "<" + router.contact() + ";transport=UDP;lr>"}
	caller.send("INFO")
	router.reply(router.request("INFO"), 200, "OK", "b")
	alice.status(200)
}

// A phone behind a NAT is reached by its flow, and not by what it says to want of
// another transport either.
func TestFlowDoesNotStandInForATransport(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	for transport, want := range map[string]int{"udp": 486, "tls": 480} {
		text := bob.registerText(unique("reg"), 1, "Contact: <sip:bob@10.0.0.9:5060;transport="+transport+">")
		bob.sendRaw(x.addr, []byte(strings.Replace(strings.Replace(string(text), "UDP "+bob.addr.String(), "UDP 10.0.0.9", 1), "<sip:bob@example.com>\r\nCall", "<sip:"+transport+"@example.com>\r\nCall", 1)))
		bob.status(200)
		d := alice.ring(x.addr, "sip:"+transport+"@example.com")
		if want == 486 {
			bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
			bob.request("ACK")
		}
		d.ackFailure(alice.status(want))
	}
	bob.quiet(20 * time.Millisecond)
}
