package server

import (
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
)

// supersede publishes a set that knows of the member's process no more.
func (x *proxy) supersede() {
	x.mem.mu.Lock()
	defer x.mem.mu.Unlock()
	x.node.set, x.node.gone = &config.MemberSet{Epoch: 2}, true
}

func TestSupersededProcessLeavesNewRequestsToTheOthers(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	held, _ := establish(t, x[0], alice, bob)
	ringing := alice.ring(x[0].addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	x[0].supersede()

	carol := newPhone(t, "carol")
	late := carol.ring(x[0].addr, "sip:bob@example.com")
	counted(t, "new calls that are not taken", x[0].metrics.dropped[dropSuperseded].Load, 1)
	carol.quiet(100 * time.Millisecond)
	carol.sendRaw(x[1].addr, []byte(late.lastInviteText)) // as the Service would steer the retransmission
	second := bob.request("INVITE")
	bob.reply(second, 486, "Busy Here", "c")
	bob.request("ACK")
	late.ackFailure(carol.status(486))

	bob.reply(invite, 486, "Busy Here", "b") // what is under way ends well
	bob.request("ACK")
	ringing.ackFailure(alice.status(486))
	held.send("BYE") // what a dialog carries needs no cluster
	bob.reply(bob.request("BYE"), 200, "OK", "")
	alice.status(200)
}

// What hung on the others when they let go of it is not answered, and nobody was
// told to wait.
func TestSupersededProcessIsSilentAboutWhatItCouldNotFind(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	x.mem.mu.Lock()
	x.mem.down = true
	x.mem.mu.Unlock()
	resume := x.mem.pause()
	alice.ring(x.addr, "sip:bob@example.com")
	bob.sendRaw(x.addr, bob.registerText(unique("reg"), 2, "Contact: <"+bob.contact()+">"))
	x.mem.waiting(t, 2)
	alice.quiet(300 * time.Millisecond)
	x.supersede()
	resume()
	alice.quiet(100 * time.Millisecond)
	bob.quiet(100 * time.Millisecond)
	if n := x.metrics.dropped[dropSuperseded].Load(); n != 2 {
		t.Errorf("%d requests counted as dropped, want 2", n)
	}
	if n := x.Transactions(); n != 0 {
		t.Errorf("%d transactions are left", n)
	}
}

// Over a connection nothing is sent again, so that one ends: its phone is called nowhere but
// at a member that lives, and is to come back to one.
func TestSupersededProcessEndsConnectionsThatAskForMore(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(x *proxy, p *phone){
		"REGISTER": func(x *proxy, p *phone) {
			p.sendRaw(x.addr, p.registerText(unique("reg"), 1, "Contact: <"+p.contact()+">"))
		},
		"INVITE": func(x *proxy, p *phone) { p.ring(x.addr, "sip:bob@example.com") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startCluster(t, 2, everyTransport)
			alice := newPhoneOver(t, flow.TCP, "alice", x[0])
			alice.register(x[0])
			x[0].supersede()
			ask(x[0], alice)
			alice.hungUp()
			alice.connect(flow.TCP, x[1])
			alice.register(x[1])
		})
	}
}
