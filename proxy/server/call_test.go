package server

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/wire"
)

// establish makes a call from alice to bob and returns both ends.
func establish(t *testing.T, x *proxy, alice, bob *phone) (caller, callee *dialog) {
	t.Helper()
	caller = alice.ring(x.addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 180, "Ringing", "b1", "Contact: <"+bob.contact()+">")
	alice.status(180)
	bob.reply(invite, 200, "OK", "b1", "Contact: <"+bob.contact()+">")
	caller.answered(alice.status(200))
	caller.ack()
	bob.request("ACK")
	return caller, bob.callee(invite, "b1")
}

func TestRFC3261_16_CallAndHangUp(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	for _, who := range []string{"caller", "callee"} {
		caller, callee := establish(t, x, alice, bob)
		from, to, far := caller, bob, bob
		if who == "callee" {
			from, to, far = callee, alice, alice
		}
		from.send("BYE")
		bye := to.request("BYE")
		far.reply(bye, 200, "OK", "")
		from.p.status(200)
	}
	alice.quiet(50 * time.Millisecond)
	bob.quiet(50 * time.Millisecond)
}

func TestRFC3261_16_6_WhatLeavesTheProxy(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	d := alice.ring(x.addr, "sip:bob@example.com", `X-Odd: "a,b" ;  c`, "Subject: =?x?", "Max-Forwards: 17")
	_ = d
	// Two Max-Forwards are an invalid request.
	alice.status(400)

	d = alice.ring(x.addr, "sip:bob@example.com", `X-Odd: "a,b" ;  c`, "s: hello")
	invite := bob.request("INVITE")
	if got := string(invite.RequestURI()); got != bob.contact() {
		t.Errorf("step 2: Request-URI %s, want the contact %s", got, bob.contact())
	}
	if got := invite.value(wire.HeaderMaxForwards); got != "69" {
		t.Errorf("step 3: Max-Forwards %s, want 69", got)
	}
	vias := invite.values(wire.HeaderVia)
	if len(vias) != 2 || !strings.HasPrefix(vias[0], "SIP/2.0/UDP "+x.addr.String()+";branch=z9hG4bK") {
		t.Errorf("step 8: Via %q", vias)
	}
	if want := fmt.Sprintf("SIP/2.0/UDP %s;rport=%d;branch=%s;received=127.0.0.1", alice.addr, alice.addr.Port(), d.inviteBranch); vias[1] != want {
		t.Errorf("RFC 3581: Via %q, want %q", vias[1], want)
	}
	routes := invite.values(wire.HeaderRecordRoute)
	if len(routes) != 1 || !strings.HasSuffix(routes[0], "@"+x.addr.String()+";lr>") {
		t.Errorf("step 4: Record-Route %q", routes)
	}
	if !bytes.Contains(invite.Raw, []byte("X-Odd: \"a,b\" ;  c\r\ns: hello\r\n")) {
		t.Errorf("headers that nobody asked to change were changed:\n%s", invite.Raw)
	}
	if _, body, _ := bytes.Cut([]byte(d.lastInviteText), []byte("\r\n\r\n")); !bytes.Equal(body, invite.BodyBytes()) {
		t.Errorf("body %q, want %q", invite.BodyBytes(), body)
	}
	bob.reply(invite, 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))
}

func TestRFC3261_16_6_3_MaxForwardsIsAdded(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	alice.send(x.addr, fmt.Sprintf(`
		MESSAGE sip:bob@example.com SIP/2.0
		Via: SIP/2.0/UDP %s;branch=%s
		From: <sip:alice@example.com>;tag=1
		To: <sip:bob@example.com>
		Call-ID: %s
		CSeq: 1 MESSAGE`, alice.addr, unique("z9hG4bK"), unique("m")))
	m := bob.request("MESSAGE")
	if got := m.value(wire.HeaderMaxForwards); got != "70" {
		t.Errorf("Max-Forwards %q, want 70", got)
	}
	bob.reply(m, 200, "OK", "b")
	alice.status(200)
}

func TestRFC3261_17_2_1_BusyIsAcknowledgedHopByHop(t *testing.T) {
	t.Parallel()
	x := startProxy(t, repeats)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	d := alice.ring(x.addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 486, "Busy Here", "b")
	ack := bob.request("ACK") // from the proxy, before alice's
	if string(ack.ToTag()) != "b" {
		t.Errorf("the ACK has To tag %q", ack.ToTag())
	}
	final := alice.status(486)
	d.ackFailure(final)
	alice.quiet(timerG)
	bob.quiet(10 * time.Millisecond)
}

func TestRFC3261_16_10_Cancel(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	d := alice.ring(x.addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 180, "Ringing", "b")
	alice.status(180)
	d.cancel()
	ok := alice.status(200)
	if string(ok.CSeqMethodBytes()) != "CANCEL" {
		t.Errorf("200 to %s", ok.CSeqMethodBytes())
	}
	cancel := bob.request("CANCEL")
	if cancel.values(wire.HeaderVia)[0] != invite.values(wire.HeaderVia)[0] {
		t.Error("the CANCEL has another Via than the INVITE")
	}
	bob.reply(cancel, 200, "OK", "b")
	bob.reply(invite, 487, "Request Terminated", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(487))
	alice.quiet(50 * time.Millisecond)
}

func TestRFC3261_9_1_CancelBeforeTheLookupEnds(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	resume := x.mem.pause()
	d := alice.ring(x.addr, "sip:bob@example.com")
	x.mem.waiting(t, 1) // the INVITE is in the table
	d.cancel()
	alice.status(200)
	d.ackFailure(alice.status(487))
	resume()
	bob.quiet(100 * time.Millisecond)
}

func TestRFC3261_17_1_RetransmissionsAreNotForwarded(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	d := alice.ring(x.addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 180, "Ringing", "b")
	alice.status(180)
	alice.forget()
	alice.sendRaw(x.addr, []byte(d.lastInviteText))
	alice.status(180) // again, by the proxy
	bob.quiet(100 * time.Millisecond)
	bob.reply(invite, 200, "OK", "b", "Contact: <"+bob.contact()+">")
	ok := alice.status(200)
	bob.reply(invite, 200, "OK", "b", "Contact: <"+bob.contact()+">") // retransmitted until the ACK
	alice.forget()
	alice.status(200)
	d.answered(ok)
	d.ack()
	bob.request("ACK")
}

func TestRFC3261_17_1_1_2_RequestIsRetransmitted(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.timers.T1 = 50 * time.Millisecond })
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	alice.ring(x.addr, "sip:bob@example.com")
	first := bob.request("INVITE")
	bob.forget()
	again := bob.request("INVITE")
	if !bytes.Equal(first.Raw, again.Raw) {
		t.Error("the retransmission differs")
	}
	alice.status(408) // Timer B: 64*T1
}

func TestRFC3261_16_7_ForkTakesTheFirstAnswer(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, desk, mobile := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "bob")
	desk.register(x)
	mobile.register(x)
	d := alice.ring(x.addr, "sip:bob@example.com")
	a, b := desk.request("INVITE"), mobile.request("INVITE")
	if a.values(wire.HeaderVia)[0] == b.values(wire.HeaderVia)[0] {
		t.Error("both branches have the same Via")
	}
	desk.reply(a, 180, "Ringing", "d")
	alice.status(180)
	mobile.reply(b, 180, "Ringing", "m")
	alice.status(180)
	mobile.reply(b, 200, "OK", "m", "Contact: <"+mobile.contact()+">")
	d.answered(alice.status(200))
	cancel := desk.request("CANCEL")
	desk.reply(cancel, 200, "OK", "d")
	desk.reply(a, 487, "Request Terminated", "d")
	desk.request("ACK")
	d.ack()
	mobile.request("ACK")
	d.send("BYE")
	mobile.reply(mobile.request("BYE"), 200, "OK", "")
	alice.status(200)
	desk.quiet(50 * time.Millisecond)
}

func TestRFC3261_16_7_ForkSendsTheBestFailure(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, desk, mobile := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "bob")
	desk.register(x)
	mobile.register(x)
	d := alice.ring(x.addr, "sip:bob@example.com")
	desk.reply(desk.request("INVITE"), 503, "Service Unavailable", "d")
	desk.request("ACK")
	mobile.reply(mobile.request("INVITE"), 486, "Busy Here", "m")
	mobile.request("ACK")
	d.ackFailure(alice.status(486))
	alice.quiet(50 * time.Millisecond)
}

func TestRFC3261_InDialogRequests(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	caller, callee := establish(t, x, alice, bob)
	for _, method := range []string{"INFO", "UPDATE", "PRACK", "MESSAGE", "REFER", "NOTIFY", "SUBSCRIBE", "OPTIONS", "PUBLISH", "DANCE"} {
		for _, c := range []struct {
			d  *dialog
			to *phone
		}{{caller, bob}, {callee, alice}} {
			c.d.send(method)
			r := c.to.request(method)
			if r.Has(wire.HeaderRoute) {
				t.Errorf("%s: our own Route was passed on: %q", method, r.values(wire.HeaderRoute))
			}
			c.to.reply(r, 202, "Accepted", "")
			c.d.p.status(202)
		}
	}
	// re-INVITE in both directions.
	for _, c := range []struct {
		d  *dialog
		to *phone
	}{{caller, bob}, {callee, alice}} {
		c.d.send("INVITE")
		r := c.to.request("INVITE")
		c.to.reply(r, 200, "OK", "", "Contact: <"+c.to.contact()+">")
		c.d.p.status(200)
		c.d.ack()
		c.to.request("ACK")
	}
}

func TestRFC6665_NotifyCarriesTheRouteOfItsDialog(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	caller, callee := establish(t, x, alice, bob)
	callee.send("NOTIFY")
	r := alice.request("NOTIFY")
	if diff := cmp.Diff(caller.routes, r.values(wire.HeaderRecordRoute)); diff != "" {
		t.Error(diff)
	}
	alice.reply(r, 200, "OK", "")
	bob.status(200)
}

// RFC 3261 16.8 alone lets a phone that repeats 180 hold a call for ever.
func TestCallThatRingsForEverEnds(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.config.MaxRingSeconds = 1 })
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	d := alice.ring(x.addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	var cancel *received
	for end := time.Now().Add(patience); cancel == nil && time.Now().Before(end); {
		bob.reply(invite, 180, "Ringing", "b")
		cancel = bob.receive(50 * time.Millisecond)
	}
	if cancel == nil || string(cancel.MethodBytes()) != "CANCEL" {
		t.Fatalf("%v, want CANCEL", cancel)
	}
	bob.reply(cancel, 200, "OK", "b")
	bob.reply(invite, 487, "Request Terminated", "b")
	bob.request("ACK")
	final := alice.receive(patience)
	for final != nil && final.StatusCode() < 200 {
		final = alice.receive(patience)
	}
	if final == nil || final.StatusCode() != 408 {
		t.Fatalf("%v, want 408", final)
	}
	d.ackFailure(final)
	alice.quiet(50 * time.Millisecond)
}

func TestUnregisteredUserIsTemporarilyUnavailable(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice := newPhone(t, "alice")
	d := alice.ring(x.addr, "sip:nobody@example.com")
	d.ackFailure(alice.status(480))
	d = alice.ring(x.addr, "sip:bob@elsewhere.example")
	d.ackFailure(alice.status(404))
	alice.quiet(50 * time.Millisecond)
}

func TestClusterUnavailableIsNotNotFound(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice := newPhone(t, "alice")
	x.mem.mu.Lock()
	x.mem.down = true
	x.mem.mu.Unlock()
	d := alice.ring(x.addr, "sip:bob@example.com")
	final := alice.status(503)
	if final.value(wire.HeaderRetryAfter) == "" {
		t.Error("no Retry-After")
	}
	d.ackFailure(final)
	alice.sendRaw(x.addr, alice.registerText("c", 1, "Contact: <"+alice.contact()+">"))
	alice.status(503)
}

func TestContactWithAHostName(t *testing.T) {
	t.Parallel()
	bob := newPhone(t, "bob")
	x := startProxy(t, func(o *proxyOptions) { o.lookup = resolveTo("127.0.0.1") })
	alice := newPhone(t, "alice")
	bob.sendRaw(x.addr, bob.registerText("c", 1, fmt.Sprintf("Contact: <sip:bob@phone.example:%d>", bob.addr.Port())))
	bob.status(200)
	d := alice.ring(x.addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))
}

// A resolver may take longer than the 200 ms of RFC 3261 17.2.1.
func TestSlowNameIsAnsweredTryingAtOnce(t *testing.T) {
	t.Parallel()
	resolve := make(chan struct{})
	x := startProxy(t, func(o *proxyOptions) {
		o.lookup = func(ctx context.Context, name string) ([]netip.Addr, error) {
			select {
			case <-resolve:
			case <-ctx.Done():
			}
			return resolveTo("127.0.0.1")(ctx, name)
		}
	})
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.sendRaw(x.addr, bob.registerText("c", 1, fmt.Sprintf("Contact: <sip:bob@phone.example:%d>", bob.addr.Port())))
	bob.status(200)
	d := alice.ring(x.addr, "sip:bob@example.com")
	alice.status(100)
	close(resolve)
	bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))
}
