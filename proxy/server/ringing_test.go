package server

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
)

// ringing is a cluster, at whose second member alice calls bob, who rings at the first: by
// TCP, and says which phone he is if instance is set.
func ringing(t *testing.T, instance bool, options ...func(*proxyOptions)) (x []*proxy, alice, bob *phone, d *dialog, invite *received) {
	t.Helper()
	x = startCluster(t, 3, append(options, everyTransport)...)
	alice, bob = newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x[0])
	bob.registerRinging(x[0], instance)
	d = alice.ring(x[1].addr, "sip:bob@example.com")
	invite = bob.request("INVITE")
	alice.status(100)
	bob.reply(invite, 180, "Ringing", "b1")
	alice.status(180)
	return x, alice, bob, d, invite
}

func (p *phone) registerRinging(x *proxy, instance bool) {
	p.t.Helper()
	if instance {
		p.registerInstance(x)
	} else {
		p.register(x)
	}
}

// reconnects has the phone register by way of a member, over a new connection.
func (p *phone) reconnects(x *proxy, instance bool) {
	p.t.Helper()
	p.connect(flow.TCP, x)
	p.registerRinging(x, instance)
}

// talks ends a call that bob answers to invite, by its ACK and a BYE.
func talks(t *testing.T, d *dialog, bob *phone, invite *received) {
	t.Helper()
	bob.reply(invite, 200, "OK", "b1", "Contact: <"+bob.contact()+">")
	d.answered(d.p.final(200))
	d.ack()
	bob.request("ACK")
	d.send("BYE")
	bob.reply(bob.request("BYE"), 200, "OK", "")
	d.p.status(200)
	bob.quiet(20 * time.Millisecond)
}

// A phone that rings when its connection ends, or the member that has it, is called again
// over its next one. A phone that says which it is gets the INVITE in the same branch.
func TestRFC5626_4_3_PhoneThatRingsIsCalledOverItsNextConnection(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ instance, dies bool }{
		"its connection ends": {}, "of a phone with an instance": {instance: true},
		"its member dies": {dies: true}, "its member dies, with an instance": {instance: true, dies: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, alice, bob, d, first := ringing(t, tt.instance)
			if tt.dies {
				x[0].kill()
			} else {
				_ = bob.over.Close()
			}
			x[1].waits(t, 1)
			alice.quiet(300 * time.Millisecond)
			bob.reconnects(x[2], tt.instance)
			again := bob.request("INVITE")
			if same := via(t, first) == via(t, again); same != tt.instance {
				t.Errorf("the same branch: %t\n%s\n%s", same, first.Raw, again.Raw)
			}
			bob.reply(again, 180, "Ringing", "b1")
			alice.status(180)
			x[1].waited(t, waitDelivered)
			talks(t, d, bob, again)
			x[1].keepsNothing(t)
		})
	}
}

// held is how much is kept, 0 if nothing is.
func (l *lost) held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent + l.ringing + l.bytes + l.ringingBytes
}

// keepsNothing waits until no request is kept any more.
func (x *proxy) keepsNothing(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); x.lost.held() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a request is kept still")
		}
	}
}

// A phone that has said no more than 100 is called again, too.
func TestPhoneThatHasTheInviteIsCalledOverItsNextConnection(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2, everyTransport)
	alice, bob := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x[0])
	bob.registerInstance(x[0])
	d := alice.ring(x[0].addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 100, "Trying", "")
	alice.status(100)
	counted(t, "calls ring", func() uint64 { x[0].lost.mu.Lock(); defer x[0].lost.mu.Unlock(); return uint64(x[0].lost.ringing) }, 1)
	_ = bob.over.Close()
	x[0].waits(t, 1)
	bob.reconnects(x[1], true)
	talks(t, d, bob, bob.request("INVITE"))
}

// The phone's other flow is tried at once.
func TestRFC5626_5_3_OtherFlowOfAPhoneThatRings(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 3, everyTransport)
	alice, bob := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x[0])
	other := newPhoneOver(t, flow.TCP, "bob", x[2])
	other.registerFlow(x[2], desk, 2)
	bob.registerFlow(x[0], desk, 1)
	d := alice.ring(x[1].addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 180, "Ringing", "b1")
	alice.status(100)
	alice.status(180)
	_ = bob.over.Close()
	invite := other.request("INVITE")
	x[1].waits(t, 0)
	talks(t, d, other, invite)
}

func TestPhoneThatRingsDoesNotComeBack(t *testing.T) {
	t.Parallel()
	x, alice, bob, d, _ := ringing(t, false, func(o *proxyOptions) { o.wait = 500 * time.Millisecond })
	began := time.Now()
	_ = bob.over.Close()
	d.ackFailure(alice.status(480))
	if took := time.Since(began); took < 500*time.Millisecond || took > 5*time.Second {
		t.Errorf("answered after %s", took)
	}
	x[1].waited(t, waitExpired)
	x[1].keepsNothing(t)
}

func TestCallerGivesUpWhileAPhoneThatRangIsAway(t *testing.T) {
	t.Parallel()
	x, alice, bob, d, _ := ringing(t, false)
	_ = bob.over.Close()
	x[1].waits(t, 1)
	d.cancel()
	alice.status(200)
	d.ackFailure(alice.status(487))
	x[1].waited(t, waitCancelled)
	bob.reconnects(x[2], false)
	bob.quiet(20 * time.Millisecond)
}

// Another phone of the callee rings on, and its answer counts.
func TestOtherPhonesRingOnWhileOneIsAway(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		over flow.Transport
		wait time.Duration
		back bool // the phone that was away, before the other answers
	}{
		"over UDP": {over: flow.UDP, wait: time.Minute}, "over TCP": {over: flow.TCP, wait: time.Minute},
		"the one is back": {over: flow.UDP, wait: time.Minute, back: true}, "the one has been given up": {over: flow.TCP, wait: 300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startCluster(t, 2, everyTransport, func(o *proxyOptions) { o.wait = tt.wait })
			alice, bob, other := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x[0]), newPhoneOver(t, tt.over, "bob", x[1])
			bob.registerInstance(x[0])
			other.register(x[1])
			d := alice.ring(x[1].addr, "sip:bob@example.com")
			invite := other.request("INVITE")
			other.reply(invite, 180, "Ringing", "o")
			bob.reply(bob.request("INVITE"), 180, "Ringing", "b")
			alice.status(100)
			alice.status(180)
			alice.status(180)
			_ = bob.over.Close()
			x[1].waits(t, 1)
			if tt.wait < time.Minute {
				x[1].waited(t, waitExpired)
			}
			if tt.back {
				bob.reconnects(x[0], true)
				bob.reply(bob.request("INVITE"), 180, "Ringing", "b")
				alice.status(180)
			}
			other.quiet(50 * time.Millisecond)
			talks(t, d, other, invite)
			if tt.back {
				bob.request("CANCEL")
			}
			x[1].waits(t, 0)
		})
	}
}

// RFC 3261 8.2.2.2: a phone that does not say which it is has another branch over its next
// connection, and answers 482 as it rings already. Its 200, in the first branch, comes by
// whatever member.
func TestRFC3261_8_2_2_2_PhoneThatRingsAnswersTheFirstInvite(t *testing.T) {
	t.Parallel()
	for _, cancels := range []bool{false, true} {
		t.Run(fmt.Sprintf("caller cancels: %t", cancels), func(t *testing.T) {
			t.Parallel()
			x, alice, bob, d, first := ringing(t, false)
			_ = bob.over.Close()
			x[1].waits(t, 1)
			bob.reconnects(x[2], false)
			again := bob.request("INVITE")
			bob.reply(again, 482, "Loop Detected", "m")
			if ack := bob.request("ACK"); via(t, ack) != via(t, again) {
				t.Errorf("the ACK has another branch:\n%s", ack.Raw)
			}
			alice.quiet(50 * time.Millisecond)
			first.from = x[2].addr
			if !cancels {
				talks(t, d, bob, first)
				return
			}
			d.cancel()
			alice.status(200)
			cancel := bob.request("CANCEL")
			if via(t, cancel) != via(t, first) {
				t.Errorf("the CANCEL has another branch than the INVITE that rings:\n%s\n%s", first.Raw, cancel.Raw)
			}
			bob.reply(cancel, 200, "OK", "b1")
			bob.reply(first, 487, "Request Terminated", "b1")
			bob.request("ACK")
			d.ackFailure(alice.status(487))
		})
	}
}

// What rings has half of the room of what is kept at most, and is like before beyond that.
func TestCallsThatRingLeaveRoom(t *testing.T) {
	t.Parallel()
	l := &lost{}
	var all []*request
	for range maxSent {
		r := &request{}
		if !l.keep(r) {
			break
		}
		all = append(all, r)
	}
	n := 0
	for _, r := range all {
		if l.ring(r) {
			n++
		}
	}
	if len(all) != maxSent || n != maxRinging {
		t.Errorf("%d are kept, and %d of them ring", len(all), n)
	}
	for _, r := range all {
		l.drop(r)
	}
	large := &request{}
	large.raw = bytes.Repeat([]byte{0}, maxRingingBytes+1)
	if !l.keep(large) || l.ring(large) {
		t.Error("one that has more than half of the bytes rings")
	}
	if l.drop(large); l.held() != 0 {
		t.Errorf("%d are left", l.held())
	}
}

// Two phones of a call lose their connections one after the other: each has its time to come
// back.
func TestEachPhoneThatRangHasItsOwnTime(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]bool{"the second is back": true, "neither is": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const wait, later = 3 * time.Second, 2 * time.Second
			x := startCluster(t, 2, everyTransport, func(o *proxyOptions) { o.wait = wait })
			alice, bob, other := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x[0]), newPhoneOver(t, flow.TCP, "bob", x[1])
			bob.registerInstance(x[0])
			other.register(x[1])
			d := alice.ring(x[1].addr, "sip:bob@example.com")
			other.reply(other.request("INVITE"), 180, "Ringing", "o")
			bob.reply(bob.request("INVITE"), 180, "Ringing", "b")
			alice.status(100)
			alice.status(180)
			alice.status(180)
			_ = bob.over.Close()
			x[1].waits(t, 1)
			alice.quiet(later)
			_ = other.over.Close()
			began := time.Now()
			alice.quiet(wait - later/2) // that of the first is over
			if !back {
				d.ackFailure(alice.status(480))
				if took := time.Since(began); took < wait || took > wait+later {
					t.Errorf("answered after %v, want %v", took, wait)
				}
				x[1].waited(t, waitExpired)
				return
			}
			other.reconnects(x[0], false)
			talks(t, d, other, other.request("INVITE"))
			x[1].waited(t, waitDelivered)
		})
	}
}
