package server

import (
	"net/netip"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// waits waits until so many requests wait for a phone.
func (x *proxy) waits(t *testing.T, n int) {
	t.Helper()
	for end := time.Now().Add(patience); x.waiting.len() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d requests wait, want %d", x.waiting.len(), n)
		}
	}
}

// Who dies takes the connections of its phones with it. A call to one of those waits
// until the phone has registered with another member.
func TestCallWaitsForAPhoneWhoseMemberHasDied(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 3, everyTransport)
	alice, bob := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x[0])
	bob.register(x[0])
	x[0].kill()
	bob.hungUp()
	d := alice.ring(x[1].addr, "sip:bob@example.com")
	alice.status(100)
	alice.status(182)
	x[1].waits(t, 1)
	bob.connect(flow.TCP, x[2])
	bob.register(x[2])
	invite := bob.request("INVITE")
	bob.reply(invite, 200, "OK", "b1", "Contact: <"+bob.contact()+">")
	d.answered(alice.status(200))
	d.ack()
	bob.request("ACK")
	x[1].waits(t, 0)
	if n := x[1].metrics.waits[waitDelivered].Load(); n != 1 {
		t.Errorf("%d delivered", n)
	}
	d.send("BYE")
	bob.reply(bob.request("BYE"), 200, "OK", "")
	alice.status(200)
	bob.quiet(20 * time.Millisecond)
}

// bobIsAway is a cluster of three, of which bob has registered with the first and lost
// his connection: the second has a call for him that waits.
func bobIsAway(t *testing.T, options ...func(*proxyOptions)) (x []*proxy, alice, bob *phone, d *dialog) {
	t.Helper()
	x = startCluster(t, 3, append(options, everyTransport)...)
	alice, bob = newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x[0])
	bob.register(x[0])
	_ = bob.over.Close()
	d = alice.ring(x[1].addr, "sip:bob@example.com")
	alice.status(100)
	alice.status(182)
	x[1].waits(t, 1)
	return x, alice, bob, d
}

// waited waits until nothing waits any more, and checks what became of it.
func (x *proxy) waited(t *testing.T, want waitOutcome) {
	t.Helper()
	x.waits(t, 0)
	for outcome, n := range x.metrics.waits {
		if got := n.Load(); (got == 1) != (waitOutcome(outcome) == want) {
			t.Errorf("%d requests are %s, and the one there is was to be %s", got, waitNames[outcome], waitNames[want])
		}
	}
}

// A connection ends while its member lives: whoever asks that one is told.
func TestCallWaitsForAPhoneThatHasGone(t *testing.T) {
	t.Parallel()
	x, alice, bob, d := bobIsAway(t)
	bob.connect(flow.TCP, x[2])
	bob.register(x[2])
	bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))
	x[1].waited(t, waitDelivered)
	bob.quiet(20 * time.Millisecond)
}

func TestCallForAPhoneThatDoesNotComeBack(t *testing.T) {
	t.Parallel()
	x, alice, _, d := bobIsAway(t, func(o *proxyOptions) { o.wait = 2 * time.Second }) // a busy machine takes part of that to say 182
	d.ackFailure(alice.status(480))
	x[1].waited(t, waitExpired)
}

func TestCallIsCancelledWhileItWaits(t *testing.T) {
	t.Parallel()
	x, alice, bob, d := bobIsAway(t)
	d.cancel()
	alice.status(200)
	d.ackFailure(alice.status(487))
	x[1].waited(t, waitCancelled)
	bob.connect(flow.TCP, x[2])
	bob.register(x[2])
	bob.quiet(20 * time.Millisecond)
}

// Where there is no room left the answer is 480 at once.
func TestNoMoreWaitThanThereIsRoomFor(t *testing.T) {
	t.Parallel()
	x, alice, _, _ := bobIsAway(t)
	w := &x[1].waiting
	w.mu.Lock()
	w.held += maxWaiting
	w.mu.Unlock()
	d := alice.ring(x[1].addr, "sip:bob@example.com")
	d.ackFailure(alice.status(480))
	if n := x[1].metrics.waits[waitRefused].Load(); n != 1 {
		t.Errorf("%d refused", n)
	}
	w.mu.Lock()
	w.held -= maxWaiting
	w.mu.Unlock()
}

// One source cannot take all the room there is to wait, by many requests or by large ones.
func TestRoomToWaitIsShared(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ bytes, most int }{
		"many":  {1, maxWaiting},
		"large": {64 << 10, maxWaitingBytes / (64 << 10)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startProxy(t)
			of := map[string][]*request{}
			enter := func(source string, bytes int) bool {
				r := &request{message: message{s: x.Server, snap: x.current(), raw: make([]byte, bytes)}}
				r.from.Remote = netip.MustParseAddrPort(source + ":5060")
				entered := x.waiting.enter(r)
				if entered {
					of[source] = append(of[source], r)
				}
				return entered
			}
			for enter("192.0.2.1", tt.bytes) {
			}
			if n := len(of["192.0.2.1"]); n != tt.most/2 {
				t.Errorf("one source alone has %d", n)
			}
			for enter("192.0.2.2", tt.bytes) {
			}
			if n := len(of["192.0.2.2"]); n != tt.most/waitingPart {
				t.Errorf("another has %d", n)
			}
			if enter("192.0.2.3", maxWaitingBytes) {
				t.Error("more bytes than there is room for")
			}
			if !enter("192.0.2.3", tt.bytes) {
				t.Error("nothing is left for a third")
			}
			for _, all := range of {
				for _, r := range all {
					x.waiting.leave(r)
				}
			}
			if w := &x.waiting; w.held != 0 || w.bytes != 0 || len(w.sources) != 0 {
				t.Errorf("%d requests and %d bytes of %d sources are left when all have gone", w.held, w.bytes, len(w.sources))
			}
		})
	}
}

// What is no INVITE waits until its sender is about to give up (RFC 3261 17.1.2.2).
func TestRequestWithinADialogWaitsForTimerF(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, everyTransport, func(o *proxyOptions) { o.timers.T1 = 100 * time.Millisecond })[0]
	alice, bob := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x)
	bob.register(x)
	caller, _ := establish(t, x, alice, bob)
	_ = bob.over.Close()
	counted(t, "connections are left", func() uint64 { return 1 - uint64(x.registrants.len()) }, 1)
	began := time.Now()
	caller.send("BYE")
	alice.status(480)
	if took, atMost := time.Since(began), 64*100*time.Millisecond; took < x.otherWait || took > 2*atMost {
		t.Errorf("answered after %s, of the %s that alice waits", took, atMost)
	}
	x.waited(t, waitExpired)
}

// Between the end of a member's streams and the conclusion that it is dead, what is for a
// phone of it waits: it may be there again, or the phone elsewhere.
func TestCallForAPhoneWhoseMemberCannotBeReached(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]func(bob *phone, x []*proxy){
		"the member is": func(_ *phone, x []*proxy) { x[0].mem.breakStreams(0) },
		"the phone is": func(bob *phone, x []*proxy) {
			bob.connect(flow.TCP, x[2])
			bob.register(x[2])
		},
	} {
		t.Run(name+" back", func(t *testing.T) {
			t.Parallel()
			x := startCluster(t, 3, everyTransport)
			alice, bob := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x[0])
			bob.register(x[0])
			x[0].mem.breakStreams(1)
			d := alice.ring(x[1].addr, "sip:bob@example.com")
			alice.status(100)
			alice.status(182)
			back(bob, x)
			bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
			bob.request("ACK")
			d.ackFailure(alice.status(486))
		})
	}
}
