package server

import (
	"bytes"
	"testing"

	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// The failure of a re-INVITE is repeated by the pod that sent it until its ACK
// comes, at whatever pod: nothing in it tells that pod, nor that it is not the
// ACK of a 2xx.
func TestRFC3261_17_1_1_3_AckOfARefusedReInviteAtAnotherPod(t *testing.T) {
	t.Parallel()
	for name, route := range map[string]bool{"as RFC 3261 has it": true, "without its Route": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mem, x := newMemory(), make([]*proxy, 3)
			for i := range x {
				x[i] = startMember(t, mem, uint32(i+1), repeats)
			}
			alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
			bob.register(x[0])
			d, _ := establish(t, x[0], alice, bob)
			x[0].facts.add(x[0].facts.address(alice.addr), receives, x[0].now(), x[0].now()+remembered) // who has answered before gets what is repeated
			d.send("INVITE")
			invite := bob.request("INVITE")
			bob.reply(invite, 488, "Not Acceptable Here", "")
			a, _ := invite.TopVia()
			if b, _ := bob.request("ACK").TopVia(); string(a.Branch()) != string(b.Branch()) {
				t.Errorf("the ACK has branch %s, the INVITE %s", b.Branch(), a.Branch())
			}
			d.proxy = x[1].addr
			if !route {
				d.routes = nil
			}
			repeated := 0
			for final := alice.status(488); final != nil && repeated < 10; final = alice.receive(2 * timerG) {
				d.ackFailure(final)
				repeated++
			}
			if n := x[0].metrics.fromPeer.Load(); n != 1 || repeated > 4 {
				t.Errorf("%d ACKs came to the pod that waits, 488 came %d times", n, repeated)
			}
			if n := x[2].metrics.fromPeer.Load(); n != 0 {
				t.Errorf("a pod without the transaction took %d ACKs", n)
			}
		})
	}
}

// The pod that sent the re-INVITE is dead: the ACK is the callee's, which repeats
// its failure.
func TestAckOfARefusedReInviteReachesTheCallee(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	d, _ := establish(t, x[0], alice, bob)
	d.send("INVITE")
	invite := bob.request("INVITE")
	alice.status(100)
	x[0].kill()
	invite.from, d.proxy = x[1].addr, x[1].addr
	bob.reply(invite, 488, "Not Acceptable Here", "")
	d.ackFailure(alice.status(488))
	a, _ := invite.TopVia()
	if b, _ := bob.request("ACK").TopVia(); string(a.Branch()) != string(b.Branch()) {
		t.Errorf("the ACK has branch %s, the INVITE %s", b.Branch(), a.Branch())
	}
}

// Without room for a transaction a re-INVITE and its ACK go without one.
func TestAckOfARefusedReInviteWithoutATransaction(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.config.MaxTransactions = 1 })
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	d, _ := establish(t, x, alice, bob) // whose transaction is held for 32 s
	d.send("INVITE")
	invite := bob.request("INVITE")
	bob.reply(invite, 488, "Not Acceptable Here", "")
	d.ackFailure(alice.status(488))
	if ack := bob.request("ACK"); ack.value(wire.HeaderTo) != invite.value(wire.HeaderTo) {
		t.Errorf("ACK of another call:\n%s", ack.Raw)
	}
}

func TestWantedAcks(t *testing.T) {
	var w wanted
	first, other := token.TxID{1, 11: 1}, token.TxID{2, 11: 1}  // of one place
	w.add(1000, 7, append(bytes.Clone(first[:]), other[:5]...)) // the second is cut short
	for _, c := range []struct {
		now  int64
		tx   token.TxID
		want uint32
	}{
		{1000, first, 7}, {1000 + wantMillis - 1, first, 7}, {1000 + wantMillis, first, 0}, {1000, other, 0}, {1000, token.TxID{}, 0},
	} {
		if by, ok := w.by(c.now, c.tx); by != c.want || ok != (c.want != 0) {
			t.Errorf("at %d: %d, %v wants the ACK of %x, want %d", c.now, by, ok, c.tx, c.want)
		}
	}
	w.add(1000, 8, other[:])
	if by, _ := w.by(1000, other); by != 8 {
		t.Errorf("%d wants what the later one has named", by)
	}
	if _, ok := w.by(1000, first); ok {
		t.Error("a place holds two")
	}
}
