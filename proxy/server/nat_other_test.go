package server

import (
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
)

// A phone that has registered by way of another member within a call has the requests of that
// call come by way of it too, also where they come to that member itself.
func TestNATDialogOfAPhoneThatRegistersElsewhere(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]int{"at a third member": 1, "at that one": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, alice, bob := natted(t)
			caller, _ := establish(t, x[0], alice, bob)
			bob.movesTo(x[2])
			bob.register(x[2])
			x[2].ownedBy(t, bobAOR)
			caller.proxy = x[at].addr
			caller.send("INFO")
			bob.reply(bob.request("INFO"), 200, "OK", "")
			alice.status(200)
		})
	}
}

// A claim for a binding that is over leaves the flow to who has registered over it.
func TestNATLateClaimOfAnotherBinding(t *testing.T) {
	t.Parallel()
	x, alice, bob := natted(t)
	k := sourceOf(flow.OverUDP(bob.outside()))
	x[0].HandleFrame(2, frameAway, appendAway(nil, k.flow(forward.Owner{ID: 9, Life: 9}), []byte("sip:over@example.com")))
	counted(t, "late claims", x[0].metrics.claims[claimLate].Load, 1)
	bob.isCalled(t, alice.ring(x[1].addr, bobAOR))
	if n := x[0].metrics.lostFlow.Load(); n > 0 {
		t.Errorf("%d datagrams are for nobody", n)
	}
}

// Of two members that claim a flow at a time the one that was late takes it over by the phone's
// next packet.
func TestNATLateClaimWaitsOn(t *testing.T) {
	t.Parallel()
	x, alice, bob := natted(t)
	x[0].kill()
	missing(t, x[1], 1)
	missing(t, x[2], 1)
	k := sourceOf(flow.OverUDP(bob.outside()))
	e, ok := x[2].away.take(x[2].now()+claimPause, k) // the phone's packet
	if !ok {
		t.Fatal("not waited for")
	}
	x[1].Message(flow.Flow{Remote: bob.outside()}, []byte("\r\n\r\n")) // a forged one, which is faster
	x[1].ownedBy(t, bobAOR)
	x[2].claim(x[2].now(), k, e)
	counted(t, "late claims", x[2].metrics.claims[claimLate].Load, 1)
	bob.movesTo(x[2])
	for end := time.Now().Add(patience); x[2].mem.owner(t, bobAOR) != x[2].owner() && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		bob.sendRaw(x[2].addr, []byte("\r\n\r\n"))
	}
	x[2].ownedBy(t, bobAOR)
	bob.isCalled(t, alice.ring(x[1].addr, bobAOR))
}

// What a process before this one had is not what this one has.
func TestNATFlowOfTheProcessBefore(t *testing.T) {
	t.Parallel()
	x, alice, bob := natted(t)
	f := flow.Flow{Remote: bob.outside(), Owner: 1, Life: x[0].life + 1}
	x[0].HandleReplaced(f)
	bob.isCalled(t, alice.ring(x[1].addr, bobAOR))
	if n := x[0].metrics.lostFlow.Load(); n > 0 {
		t.Errorf("%d datagrams are for nobody", n)
	}
}

// A flow of a cluster with one listener is that of the first of more, and the other way round:
// a listener was added, or removed, which starts all members anew.
func TestNATFlowAtTheFirstListener(t *testing.T) {
	t.Parallel()
	for name, added := range map[string]bool{"added": true, "removed": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mem := newMemory()
			single := func(id uint32) *proxy {
				return startProxy(t, func(o *proxyOptions) {
					o.mem, o.self, o.config.Ports.SIP = mem, id, phonesPort
				})
			}
			var before, after *proxy
			if added {
				before = single(1)
				x, at := startListeners(t, mem, 2, "", "")
				after = &proxy{Server: x.Server, addr: at[0].addr, mem: mem, node: x.node}
			} else {
				x, at := startListeners(t, mem, 1, "", "")
				before = &proxy{Server: x.Server, addr: at[0].addr, mem: mem, node: x.node}
				after = single(2)
			}
			alice, bob := newPhone(t, "alice"), newPhoneBehindNAT(t, "bob", before)
			bob.register(before)
			before.ownedBy(t, bobAOR)
			before.kill()
			missing(t, after, 1)
			bob.movesTo(after)
			bob.sendRaw(after.addr, []byte("\r\n\r\n"))
			after.ownedBy(t, bobAOR)
			bob.isCalled(t, alice.ring(after.addr, bobAOR))
		})
	}
}
