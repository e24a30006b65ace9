package server

import (
	"context"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// Who leaves sends its phones to the others, those with calls last, and loses no call.
func TestPhonesMoveOffAMemberThatLeaves(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2, everyTransport)
	alice := newPhone(t, "alice")
	var idle []*phone
	for range 2 * leastMoved {
		p := newPhoneOver(t, flow.TCP, unique("idle"), x[0])
		p.register(x[0])
		idle = append(idle, p)
	}
	bob := newPhoneOver(t, flow.TCP, "bob", x[0])
	bob.register(x[0])
	caller, _ := establish(t, x[1], alice, bob)
	ended := make(chan struct{})
	began := time.Now()
	go func() {
		defer close(ended)
		x[0].MoveOff(context.Background(), time.Second)
	}()
	for _, p := range idle {
		p.hungUp()
	}
	bob.hungUp()
	if took := time.Since(began); took < moveTick {
		t.Errorf("all at once: in %s", took)
	}
	<-ended
	caller.proxy = x[1].addr
	caller.send("BYE")
	x[1].waits(t, 1)
	bob.connect(flow.TCP, x[1])
	bob.register(x[1])
	bob.reply(bob.request("BYE"), 200, "OK", "")
	alice.status(200)
}

// A member without connections has nobody to wait for.
func TestNobodyMovesOffWithoutConnections(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	startProxy(t).MoveOff(ctx, time.Hour)
	if ctx.Err() != nil {
		t.Error("waits for nobody")
	}
}
