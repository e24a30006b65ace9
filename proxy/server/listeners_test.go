package server

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/wire"
)

// Ports of two listeners. Each test has loopback addresses of its own for them.
const (
	phonesPort = 5060
	trunksPort = 5070
)

// startListeners starts a member of a cluster with two listeners, each advertised under
// that name, or at the member's own address if it is empty.
func startListeners(t *testing.T, mem *memory, id uint32, phones, trunks string) (member *proxy, at [2]*proxy) {
	t.Helper()
	n := serial.Add(1)
	host := fmt.Sprintf("127.%d.%d.%d", 64+testPID>>8%128, testPID%256, 1+n%250)
	x := startProxy(t, func(o *proxyOptions) {
		o.mem, o.self, o.listen = mem, id, fmt.Sprintf("%s:%d", host, phonesPort)
		o.config.Listeners = []config.Listener{{Name: "phones", Port: phonesPort, Advertise: phones}, {Name: "trunks", Port: trunksPort, Advertise: trunks}}
		o.config.Egress.Contacts = config.ContactsSource
	})
	for i, a := range x.Addresses() {
		at[i] = &proxy{Server: x.Server, addr: a, mem: mem, node: x.node}
	}
	return x, at
}

// fromAt fails if a message did not come from an address.
func fromAt(t *testing.T, r *received, x *proxy) *received {
	t.Helper()
	if r.from != x.addr {
		t.Errorf("came from %s, not %s:\n%s", r.from, x.addr, r.Raw)
	}
	return r
}

// registerBehindNAT registers with a Via and Contact that nobody can send to.
func (p *phone) registerBehindNAT(x *proxy) {
	p.t.Helper()
	text := strings.ReplaceAll(string(p.registerText(unique("reg"), 1, "Contact: <"+p.contact()+">", "Expires: 300")), p.addr.String(), "192.0.2.66:5060")
	p.sendRaw(x.addr, []byte(text))
	p.status(200)
}

// talk makes a call between phones that know a listener each, with requests both
// ways, and checks by which each message comes: the one that the phone knows.
func talk(t *testing.T, alice, bob *phone, atAlice, atBob *proxy) {
	t.Helper()
	caller := alice.ring(atAlice.addr, "sip:bob@example.com")
	invite := fromAt(t, bob.request("INVITE"), atBob)
	bob.reply(invite, 180, "Ringing", "b1", "Contact: <"+bob.contact()+">")
	fromAt(t, alice.status(180), atAlice)
	bob.reply(invite, 200, "OK", "b1", "Contact: <"+bob.contact()+">")
	caller.answered(fromAt(t, alice.status(200), atAlice))
	caller.ack()
	fromAt(t, bob.request("ACK"), atBob)
	callee := bob.callee(invite, "b1")
	for _, method := range []string{"INFO", "BYE"} {
		for _, ends := range [][2]*dialog{{caller, callee}, {callee, caller}} {
			from, to, near, far := ends[0], ends[1], atAlice, atBob
			if from == callee {
				near, far = atBob, atAlice
			}
			from.send(method)
			request := fromAt(t, to.p.request(method), far)
			if routes := request.values(wire.HeaderRoute); len(routes) != 0 {
				t.Errorf("our own Route %v is still there", routes)
			}
			to.p.reply(request, 200, "OK", "")
			fromAt(t, from.p.status(200), near)
		}
	}
}

// A phone hears of the cluster from the port at which it registered or called, and
// from no other, whichever the other end of the call knows (RFC 3261 18.2.2, RFC 3581
// 4): other ports may be behind a NAT or a firewall that it never opened.
func TestListeners(t *testing.T) {
	t.Parallel()
	for name, register := range map[string]func(*phone, *proxy){
		"by its contact": func(p *phone, x *proxy) { p.register(x) },
		"behind NAT":     (*phone).registerBehindNAT,
	} {
		_, at := startListeners(t, newMemory(), 1, "", "")
		for _, pair := range [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}} {
			t.Run(fmt.Sprintf("%s, %d to %d", name, pair[0], pair[1]), func(t *testing.T) {
				alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
				register(bob, at[pair[1]])
				talk(t, alice, bob, at[pair[0]], at[pair[1]])
			})
		}
	}
}

// Via names the listener by which a request leaves, and Record-Route to each end the
// one that it knows (RFC 5658): it may not reach the other.
func TestRFC5658_5_EachEndHasItsListener(t *testing.T) {
	t.Parallel()
	_, at := startListeners(t, newMemory(), 1, "phones.example", "192.0.2.200:5080")
	names := []string{"phones.example:5060", "192.0.2.200:5080"}
	for _, pair := range [][2]int{{0, 0}, {0, 1}, {1, 0}, {1, 1}} {
		alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
		bob.register(at[pair[1]])
		caller := alice.ring(at[pair[0]].addr, "sip:bob@example.com")
		invite := bob.request("INVITE")
		bob.reply(invite, 200, "OK", "b1", "Contact: <"+bob.contact()+">")
		caller.answered(alice.status(200))
		callee := bob.callee(invite, "b1")
		if via := invite.values(wire.HeaderVia)[0]; !strings.Contains(via, " "+names[pair[1]]+";") {
			t.Errorf("%v: %s", pair, via)
		}
		want := 1
		if pair[0] != pair[1] {
			want = 2
		}
		for i, routes := range [][]string{caller.routes, callee.routes} {
			if len(routes) != want || !strings.HasSuffix(routes[0], "@"+names[pair[i]]+";lr>") || !strings.HasSuffix(routes[want-1], "@"+names[pair[1-i]]+";lr>") {
				t.Errorf("%v: end %d routes by %v", pair, i, routes)
			}
		}
		caller.ack()
		bob.request("ACK")
		callee.send("BYE")
		alice.reply(alice.request("BYE"), 200, "OK", "")
		bob.status(200)
	}
}

// When the member that a call was made through is dead, another one sends: each end
// hears it from the port that it knows, also the responses to what the dead one sent.
func TestListenersOfAnotherMember(t *testing.T) {
	t.Parallel()
	for name, register := range map[string]func(*phone, *proxy){
		"by its contact": func(p *phone, x *proxy) { p.register(x) },
		"behind NAT":     (*phone).registerBehindNAT,
	} {
		t.Run(name, func(t *testing.T) {
			mem := newMemory()
			one, atOne := startListeners(t, mem, 1, "phones.example", "trunks.example")
			_, atTwo := startListeners(t, mem, 2, "phones.example", "trunks.example")
			alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
			register(bob, atOne[1])

			sender := atTwo[1]
			if name == "behind NAT" { // by which the NAT lets nobody in
				sender = atOne[1]
			}
			caller := alice.ring(atTwo[0].addr, "sip:bob@example.com")
			invite := fromAt(t, bob.request("INVITE"), sender)
			bob.reply(invite, 180, "Ringing", "b0")
			fromAt(t, alice.status(180), atTwo[0])
			caller.cancel()
			fromAt(t, alice.status(200), atTwo[0])
			bob.reply(fromAt(t, bob.request("CANCEL"), sender), 200, "OK", "b0")
			bob.reply(invite, 487, "Request Terminated", "b0")
			fromAt(t, bob.request("ACK"), sender)
			caller.ackFailure(fromAt(t, alice.status(487), atTwo[0]))

			carol := newPhone(t, "carol")
			caller = carol.ring(atOne[0].addr, "sip:bob@example.com")
			invite = fromAt(t, bob.request("INVITE"), atOne[1])
			carol.status(100)
			one.kill()
			invite.from = atTwo[1].addr
			bob.reply(invite, 180, "Ringing", "b", "Contact: <"+bob.contact()+">")
			fromAt(t, carol.status(180), atTwo[0])
			bob.reply(invite, 200, "OK", "b", "Contact: <"+bob.contact()+">")
			caller.answered(fromAt(t, carol.status(200), atTwo[0]))
			caller.proxy = atTwo[0].addr
			caller.ack()
			fromAt(t, bob.request("ACK"), atTwo[1])
			callee := bob.callee(invite, "b")
			caller.send("INFO")
			bob.reply(fromAt(t, bob.request("INFO"), atTwo[1]), 200, "OK", "")
			fromAt(t, carol.status(200), atTwo[0])
			callee.send("BYE")
			carol.reply(fromAt(t, carol.request("BYE"), atTwo[0]), 200, "OK", "")
			fromAt(t, bob.status(200), atTwo[1])
		})
	}
}

// A notifier's dialog may begin with its NOTIFY (RFC 6665 4.1.2.4), which records both
// listeners as the SUBSCRIBE did, the other way round.
func TestRFC5658_5_NotifyAcrossListeners(t *testing.T) {
	t.Parallel()
	_, at := startListeners(t, newMemory(), 1, "phones.example", "trunks.example")
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(at[1])
	alice.send(at[0].addr, fmt.Sprintf(`
		SUBSCRIBE sip:bob@example.com SIP/2.0
		Via: SIP/2.0/UDP %s;rport;branch=%s
		Max-Forwards: 70
		From: <sip:alice@example.com>;tag=s
		To: <sip:bob@example.com>
		Call-ID: %s
		CSeq: 1 SUBSCRIBE
		Contact: <%s>
		Event: presence`, alice.addr, unique("z9hG4bK"), unique("sub"), alice.contact()))
	subscribe := bob.request("SUBSCRIBE")
	notifier := bob.callee(subscribe, "n")
	notifier.send("NOTIFY", "Contact: <"+bob.contact()+">", "Event: presence", "Subscription-State: active")
	notify := fromAt(t, alice.request("NOTIFY"), at[0])
	got, want := notify.values(wire.HeaderRecordRoute), reversed(subscribe.values(wire.HeaderRecordRoute))
	if len(got) != 2 || strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("the NOTIFY records %v, the SUBSCRIBE %v backwards", got, want)
	}
	alice.reply(notify, 200, "OK", "")
	bob.status(200)
}

// All that leads to a listener is the cluster's own: its advertised address, and its
// port at each member. Nothing is relayed there.
func TestListenersAreOurs(t *testing.T) {
	t.Parallel()
	x, at := startListeners(t, newMemory(), 1, "phones.example", "192.0.2.200:5080")
	x.node.publish(&config.MemberSet{Epoch: 1, Members: []config.Member{{ID: 2, Name: "two", Address: "192.0.2.202", State: config.Active}}})
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(at[0])
	for _, ours := range []string{
		at[0].addr.String(), at[1].addr.String(), "phones.example", "phones.example:5060", "192.0.2.200:5080", "192.0.2.202", "192.0.2.202:5070", "example.com:5070", "example.com:5080",
	} {
		d := alice.ring(at[1].addr, "sip:bob@example.com", "Route: <sip:"+ours+";lr>")
		invite := bob.request("INVITE")
		if routes := invite.values(wire.HeaderRoute); len(routes) != 0 {
			t.Errorf("our own Route %v is still there", routes)
		}
		bob.reply(invite, 486, "Busy Here", "b")
		bob.request("ACK")
		d.ackFailure(alice.status(486))
	}
	for _, strange := range []string{"192.0.2.200:5070", "192.0.2.202:5080", "phones.example:5080x"} {
		d := alice.ring(at[1].addr, "sip:bob@example.com", "Route: <sip:"+strange+";lr>")
		r := alice.receive(patience)
		if r == nil || r.StatusCode() < 400 {
			t.Fatalf("%s: %+v", strange, r)
		}
		d.ackFailure(r)
	}
	for _, a := range []string{at[0].addr.String(), at[1].addr.String(), "192.0.2.200:5080", "192.0.2.202:5060", "192.0.2.202:5070"} {
		if x.current().egress.Allows(netip.MustParseAddrPort(a)) {
			t.Errorf("requests may go to %s, which is ourselves", a)
		}
	}
	bob.quiet(20 * time.Millisecond)
}

// A request that comes back because nobody listens at its target is known by the Via of
// the listener that it left by (RFC 3261 16.9).
func TestRefusedAtAListener(t *testing.T) {
	t.Parallel()
	_, at := startListeners(t, newMemory(), 1, "phones.example", "trunks.example")
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(at[1])
	_ = bob.conn.Close()
	began := time.Now()
	d := alice.ring(at[0].addr, "sip:bob@example.com")
	r := alice.receive(patience)
	for r != nil && r.StatusCode() == 100 {
		r = alice.receive(patience)
	}
	if r == nil || r.StatusCode() < 400 || time.Since(began) > patience {
		t.Fatalf("got %+v", r)
	}
	d.ackFailure(r)
}
