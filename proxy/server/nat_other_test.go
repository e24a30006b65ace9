package server

import (
	"testing"

	"github.com/sipring/sipring/proxy/flow"
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
