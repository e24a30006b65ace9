package server

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/wire"
)

// askedFor is how often the members were asked whose a contact is.
func (x *proxy) askedFor() int {
	x.mem.mu.Lock()
	defer x.mem.mu.Unlock()
	return x.mem.asked
}

// RFC 5589 7: bob, who has two phones, speaks with alice at his desk and is to
// speak with carol there, who asked him or whom he asked: an INVITE for the desk
// phone's contact takes the place of the call. It may reach any pod, and the
// contact's user part may say whose it is or not.
func TestRFC5589_7_AttendedTransferCallsAContact(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	for _, name := range []string{"bob", "x7f3a-9"} {
		for i, p := range x {
			alice, carol := newPhone(t, "alice"), newPhone(t, "carol")
			desk, mobile := newPhone(t, name), newPhone(t, "bob")
			desk.registerForBob(x[0], 300)
			mobile.registerForBob(x[0], 300)
			asked := x[0].askedFor()

			d := carol.ring(p.addr, desk.contact(), "Replaces: call1;to-tag=1;from-tag=2")
			invite := desk.request("INVITE")
			if !bytes.HasPrefix(invite.Raw, []byte("INVITE "+desk.contact()+" SIP/2.0\r\n")) || !bytes.Contains(invite.Raw, []byte("Replaces: call1;to-tag=1;from-tag=2\r\n")) {
				t.Errorf("%s through pod %d: what came was changed:\n%s", name, i, invite.Raw)
			}
			if hops, routes := invite.value(wire.HeaderMaxForwards), invite.values(wire.HeaderRecordRoute); hops != "69" || len(routes) != 1 {
				t.Errorf("Max-Forwards %s, Record-Route %q", hops, routes)
			}
			if got, want := x[0].askedFor()-asked, map[string]int{"bob": 0, "x7f3a-9": 1}[name]; got != want {
				t.Errorf("%s: the members were asked %d times, want %d", name, got, want)
			}
			desk.reply(invite, 200, "OK", "b", "Contact: <"+desk.contact()+">")
			d.answered(carol.status(200))
			d.ack()
			desk.request("ACK")
			callee := desk.callee(invite, "b")
			callee.proxy = x[1-i].addr
			callee.send("BYE")
			carol.reply(carol.request("BYE"), 200, "OK", "")
			desk.status(200)
			alice.quiet(10 * time.Millisecond)
			mobile.quiet(50 * time.Millisecond)
			desk.registerForBob(x[0], 0)
			mobile.registerForBob(x[0], 0)
		}
	}
}

// registerForBob registers the phone's contact for bob, whatever the phone's name.
func (p *phone) registerForBob(x *proxy, expires int) {
	p.t.Helper()
	text := p.registerText(unique("reg"), 1, "Contact: <"+p.contact()+">", fmt.Sprintf("Expires: %d", expires))
	p.sendRaw(x.addr, bytes.ReplaceAll(text, []byte("To: <sip:"+p.user), []byte("To: <sip:bob")))
	p.status(200)
}

// A phone's outbound proxy setting may have a user part, which is no token: the
// transfer goes by way of it as any call does, and so does the ACK of its failure,
// while what nobody registered is no more than not found.
func TestContactByWayOfAnOutboundProxy(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	const route = "<sip:alice@sip.cluster.example;lr>"
	d := alice.ring(x[1].addr, bob.contact(), "Route: "+route)
	d.routes = []string{route}
	invite := bob.request("INVITE")
	if left := invite.values(wire.HeaderRoute); len(left) != 0 {
		t.Errorf("Route %q is left", left)
	}
	bob.reply(invite, 486, "Busy Here", "b")
	d.ackFailure(alice.status(486))
	bob.request("ACK")

	d = alice.ring(x[1].addr, "sip:nobody@"+bob.addr.String(), "Route: "+route)
	d.ackFailure(alice.status(404))
	bob.quiet(50 * time.Millisecond)
}

// RFC 3261 19.1.1, table 1: a contact may be registered with headers, and neither
// a dialog's contact nor a Request-URI has them.
func TestContactRegisteredWithHeaders(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	for _, aor := range []string{"sip:bob@example.com", "sip:office@example.com"} { // guessed and located
		bob.registerAt(x[0], aor, bob.contact()+"?Subject=hi")
		d := alice.ring(x[1].addr, bob.contact())
		invite := bob.request("INVITE")
		if got := string(invite.RequestURI()); got != bob.contact() {
			t.Errorf("%s: Request-URI %s", aor, got)
		}
		bob.reply(invite, 486, "Busy Here", "b")
		d.ackFailure(alice.status(486))
		bob.request("ACK")
		bob.sendRaw(x[0].addr, bob.registerText(unique("reg"), 1, "Contact: *", "Expires: 0"))
		bob.status(200)
	}
}

// What nobody has registered, or not any more, is no place to send anything to.
func TestContactThatIsNotRegisteredIsNotFound(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	notFound := func(when, uri string) {
		t.Helper()
		for _, p := range x {
			d := alice.ring(p.addr, uri)
			r := alice.receive(patience)
			if r == nil || r.StatusCode() != 404 {
				t.Fatalf("%s: %v, want 404", when, r)
			}
			d.ackFailure(r)
			for deadline := time.Now().Add(patience); p.Transactions() > 0; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("%s: %d transactions are left", when, p.Transactions())
				}
			}
		}
		bob.quiet(20 * time.Millisecond)
	}
	notFound("never registered", bob.contact())
	bob.register(x[0])
	notFound("another port", fmt.Sprintf("sip:bob@%s:%d", bob.addr.Addr(), bob.addr.Port()+1))
	notFound("another user", "sip:rob@"+bob.addr.String())
	notFound("RFC 3261 19.1.4: transport counts", bob.contact()+";transport=tcp")
	bob.registerForBob(x[1], 0)
	notFound("unregistered", bob.contact())
	asked := x[0].askedFor()
	notFound("an address of ours", "sip:bob@"+strings.Split(x[0].addr.String(), ":")[0]+":5060")
	if n := x[0].askedFor(); n != asked {
		t.Errorf("for an address of ours the members were asked %d times", n-asked)
	}
}

// CANCEL and the ACK of a failure go where their INVITE went, through whichever
// pod, as those for an address-of-record do.
func TestCancelAndAckFollowAContact(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"bob", "x7f3a-9"} {
		x := startCluster(t, 2)
		alice, bob := newPhone(t, "alice"), newPhone(t, name)
		bob.registerForBob(x[0], 300)
		d := alice.ring(x[0].addr, bob.contact())
		invite := bob.request("INVITE")
		bob.reply(invite, 180, "Ringing", "b")
		alice.status(180)
		x[0].kill()
		d.proxy = x[1].addr
		d.cancel()
		cancel := bob.request("CANCEL")
		sameBranch(t, invite, cancel)
		bob.reply(cancel, 200, "OK", "b")
		if r := alice.status(200); string(r.CSeqMethodBytes()) != "CANCEL" {
			t.Errorf("200 to %s", r.CSeqMethodBytes())
		}
		invite.from = x[1].addr
		bob.reply(invite, 487, "Request Terminated", "b")
		d.ackFailure(alice.status(487))
		sameBranch(t, invite, bob.request("ACK"))

		d = alice.ring(x[1].addr, bob.contact()) // and through the pod that has the transaction
		invite = bob.request("INVITE")
		bob.reply(invite, 180, "Ringing", "b")
		alice.status(180)
		d.cancel()
		alice.status(200)
		bob.reply(bob.request("CANCEL"), 200, "OK", "b")
		bob.reply(invite, 487, "Request Terminated", "b")
		bob.request("ACK")
		d.ackFailure(alice.status(487))
		alice.quiet(10 * time.Millisecond)
	}
}

func sameBranch(t *testing.T, invite, later *received) {
	t.Helper()
	a, _ := invite.TopVia()
	b, _ := later.TopVia()
	if !bytes.Equal(a.Branch(), b.Branch()) || !bytes.Equal(a.Host, b.Host) {
		t.Errorf("%s does not match the INVITE:\n%s\n%s", later.MethodBytes(), invite.values(wire.HeaderVia)[0], later.values(wire.HeaderVia)[0])
	}
}

// A pod that sent a failure itself, after a 100, hears of its ACK at another pod.
func TestAckOfAContactsFailureAtAnotherPod(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2, repeats)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	d := alice.ring(x[0].addr, bob.contact())
	bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
	bob.request("ACK")
	final := alice.status(486)
	d.proxy = x[1].addr
	d.ackFailure(final)
	counted(t, "from a peer: the ACK", x[0].metrics.fromPeer.Load, 1)
	alice.quiet(timerG)
}

func TestContactByAnyMethodOutsideADialog(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	for _, method := range []string{"MESSAGE", "OPTIONS", "SUBSCRIBE", "REFER", "NOTIFY", "DANCE"} {
		d := &dialog{p: alice, proxy: x.addr, callID: unique("m"), local: "<sip:alice@example.com>;tag=a", remote: "<sip:bob@example.com>", target: bob.contact() + ";x=1"}
		d.send(method)
		r := bob.request(method)
		if got := string(r.RequestURI()); got != d.target {
			t.Errorf("%s: Request-URI %s", method, got)
		}
		bob.reply(r, 200, "OK", "b")
		alice.status(200)
		d.remote += ";tag=b" // without the Route that says so nothing is of a dialog
		d.send(method)
		alice.status(404)
	}
	bob.quiet(20 * time.Millisecond)
}

// The request leaves for where the phone registered from (RFC 3581), not for the
// address that stands in the contact.
func TestContactBehindNAT(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.sendRaw(x.addr, bytes.ReplaceAll(bob.registerText("c", 1, "Contact: <"+bob.contact()+">"), []byte(bob.addr.String()), []byte("192.168.7.7:5060")))
	bob.status(200)
	d := alice.ring(x.addr, "sip:bob@192.168.7.7:5060")
	invite := bob.request("INVITE")
	if got := string(invite.RequestURI()); got != "sip:bob@192.168.7.7:5060" {
		t.Errorf("Request-URI %s", got)
	}
	bob.reply(invite, 200, "OK", "b", "Contact: <sip:bob@192.168.7.7:5060>")
	d.answered(alice.status(200))
	d.ack()
	bob.request("ACK")
}

func TestContactInAClusterThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	x.mem.mu.Lock()
	x.mem.down = true
	x.mem.mu.Unlock()
	d := alice.ring(x.addr, bob.contact())
	final := alice.status(503)
	if final.value(wire.HeaderRetryAfter) == "" {
		t.Error("no Retry-After")
	}
	d.ackFailure(final)
	x.supersede()
	alice.ring(x.addr, bob.contact())
	counted(t, "dropped, as nobody is left to ask", x.metrics.dropped[dropSuperseded].Load, 1)
	alice.quiet(50 * time.Millisecond)
}

func TestCancelBeforeAContactIsFound(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "x7f3a-9")
	bob.registerForBob(x, 300)
	resume := x.mem.pause()
	d := alice.ring(x.addr, bob.contact())
	x.mem.waiting(t, 1)
	d.cancel()
	alice.status(200)
	d.ackFailure(alice.status(487))
	resume()
	bob.quiet(100 * time.Millisecond)
}

// A registered contact that leads back here does so once.
func TestContactThatLeadsBackIsALoop(t *testing.T) {
	t.Parallel()
	x := startProxy(t, anyContact, toItself, func(o *proxyOptions) { o.lookup = resolveTo("127.0.0.1") })
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	contact := fmt.Sprintf("sip:bob@elsewhere.example:%d", x.addr.Port())
	bob.registerAt(x, "sip:bob@example.com", contact)
	d := alice.ring(x.addr, contact)
	d.ackFailure(alice.status(482))
	if n := x.metrics.requests[wire.MethodInvite].Load(); n != 2 {
		t.Errorf("the request passed %d times", n)
	}
}
