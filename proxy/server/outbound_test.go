package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/wire"
)

// registerFlow binds the phone's own contact as a flow of an instance.
func (p *phone) registerFlow(x *proxy, instance string, regID int) {
	p.t.Helper()
	contact := fmt.Sprintf(`Contact: <%s>;+sip.instance="<urn:uuid:%s>";reg-id=%d`, p.contact(), instance, regID)
	p.sendRaw(x.addr, p.registerText(unique("reg"), 1, contact, "Supported: path, outbound"))
	p.status(200)
}

const (
	desk   = "00000000-0000-1000-8000-0000000000aa"
	mobile = "00000000-0000-1000-8000-0000000000bb"
)

func TestRFC5626_5_3_NewestFlowFirst(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, old, fresh := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "bob")
	old.registerFlow(x, desk, 1)
	fresh.registerFlow(x, desk, 2)
	d := alice.ring(x.addr, "sip:bob@example.com")
	fresh.reply(fresh.request("INVITE"), 486, "Busy Here", "b")
	fresh.request("ACK")
	d.ackFailure(alice.status(486)) // the phone's answer
	old.quiet(50 * time.Millisecond)
}

// Two lines of one phone are called both where a contact leads to both: an instance is one
// of an address-of-record, and whoever says to be another's phone takes no call from it.
func TestRFC5626_5_3_InstanceIsOfOneAddressOfRecord(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob, carol := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "carol")
	alice.registerMany(x, "team", "sip:bob@example.com", "sip:carol@example.com")
	bob.registerFlow(x, desk, 1)
	carol.registerFlow(x, desk, 1)
	d := alice.ring(x.addr, "sip:team@example.com")
	for _, p := range []*phone{carol, bob} {
		p.reply(p.request("INVITE"), 486, "Busy Here", p.user)
		p.request("ACK")
	}
	d.ackFailure(alice.status(486))
}

func TestRFC5626_5_3_NextFlowWhenOneFails(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.timers.T1 = 50 * time.Millisecond }) // Timer B: 3.2 s
	alice, old := newPhone(t, "alice"), newPhone(t, "bob")
	old.registerFlow(x, desk, 1)
	for name, fail := range map[string]func(*phone){
		"430":           func(p *phone) { p.reply(p.request("INVITE"), 430, "Flow Failed", "b"); p.request("ACK") },
		"503":           func(p *phone) { p.reply(p.request("INVITE"), 503, "Service Unavailable", "b"); p.request("ACK") },
		"silence":       func(p *phone) { p.request("INVITE") },
		"a closed port": func(*phone) {},
	} {
		fresh := newPhone(t, "bob")
		fresh.registerFlow(x, desk, 2)
		if name == "a closed port" {
			_ = fresh.conn.Close()
		}
		d := alice.ring(x.addr, "sip:bob@example.com")
		fail(fresh)
		invite := old.request("INVITE")
		old.reply(invite, 180, "Ringing", "b")
		alice.status(180)
		old.reply(invite, 486, "Busy Here", "b")
		old.request("ACK")
		d.ackFailure(alice.status(486))
		x.mem.mu.Lock() // the next case has but its own and the old one
		delete(x.mem.records, "sip:bob@example.com")
		x.mem.mu.Unlock()
		old.registerFlow(x, desk, 1)
	}
}

func TestRFC5626_5_3_InstancesRingAtOnce(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, one, two, other := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "bob"), newPhone(t, "bob")
	plain := newPhone(t, "bob")
	one.registerFlow(x, desk, 1)
	two.registerFlow(x, desk, 2)
	other.registerFlow(x, mobile, 1)
	plain.register(x)
	d := alice.ring(x.addr, "sip:bob@example.com", "Max-Breadth: 3") // a flow and its successor share theirs
	invites := []*received{two.request("INVITE"), other.request("INVITE"), plain.request("INVITE")}
	for i, invite := range invites {
		if diff := cmp.Diff([]string{"1"}, headerLines(invite, wire.HeaderMaxBreadth)); diff != "" {
			t.Errorf("phone %d: Max-Breadth %s", i, diff)
		}
	}
	two.reply(invites[0], 430, "Flow Failed", "t")
	two.request("ACK")
	next := one.request("INVITE")
	one.reply(next, 180, "Ringing", "o")
	alice.status(180)
	d.cancel()
	alice.status(200)
	cancel := one.request("CANCEL")
	one.reply(cancel, 200, "OK", "o")
	one.reply(next, 487, "Request Terminated", "o")
	one.request("ACK")
	for i, p := range []*phone{other, plain} {
		p.reply(invites[i+1], 486, "Busy Here", "p")
		p.request("ACK")
	}
	d.ackFailure(alice.status(487))
	two.quiet(20 * time.Millisecond)
}

// CANCEL through a pod that never saw the INVITE reaches the flow that rings,
// whichever that is.
func TestCancelOfAFlowAtAnotherPod(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, old, fresh := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "bob")
	old.registerFlow(x[0], desk, 1)
	fresh.registerFlow(x[0], desk, 2)
	d := alice.ring(x[0].addr, "sip:bob@example.com")
	fresh.reply(fresh.request("INVITE"), 430, "Flow Failed", "b")
	fresh.request("ACK")
	invite := old.request("INVITE")
	old.reply(invite, 180, "Ringing", "b")
	alice.status(180)
	d.proxy = x[1].addr
	d.cancel()
	if a, b := via(t, invite), via(t, old.request("CANCEL")); a != b {
		t.Errorf("the CANCEL has branch %s, the INVITE %s", b, a)
	}
}
