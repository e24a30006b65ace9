package server

import (
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/wire"
)

// The network hands the caller's retransmission to a second member, and the
// phone answers the first one alone. Without word between them the second one
// tells the caller 408 while the phone rings, and repeats the INVITE to a phone
// that has declined.
func TestRetransmissionAtAnotherPodEndsNoCall(t *testing.T) {
	t.Parallel()
	mem := newMemory()
	short := func(o *proxyOptions) { o.timers.T1 = 20 * time.Millisecond } // Timer B: 1.28 s
	one, two := startMember(t, mem, 1, short), startMember(t, mem, 2, short)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(one)
	d := alice.ring(one.addr, "sip:bob@example.com")
	first := bob.request("INVITE")
	bob.reply(first, 180, "Ringing", "b")
	alice.status(180)
	alice.sendRaw(two.addr, []byte(d.lastInviteText))
	alice.status(100)
	bob.request("INVITE") // again
	for end := time.Now().Add(patience); two.Transactions() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the second member does not leave the call to the first")
		}
	}
	if n := two.table.Stats().Yielded; n != 1 {
		t.Errorf("%d INVITEs left to others", n)
	}
	for bob.receive(10*time.Millisecond) != nil { // repeated until then
	}
	alice.quiet(1500 * time.Millisecond)
	bob.reply(first, 486, "Busy Here", "b")
	final := alice.status(486)
	if bob.request("ACK"); final.from != one.addr {
		t.Errorf("486 from %s", final.from)
	}
	d.ackFailure(final)
	bob.quiet(1500 * time.Millisecond)
}

// Nobody has an answer: the caller is told, and nobody waits for the other.
func TestSilentPhoneIsATimeoutAtBothPods(t *testing.T) {
	t.Parallel()
	mem := newMemory()
	short := func(o *proxyOptions) { o.timers.T1 = 20 * time.Millisecond }
	one, two := startMember(t, mem, 1, short), startMember(t, mem, 2, short)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(one)
	d := alice.ring(one.addr, "sip:bob@example.com")
	alice.sendRaw(two.addr, []byte(d.lastInviteText))
	d.ackFailure(alice.status(408))
}

// A phone that answers to where the last copy came from.
func TestResponsesOfOneTransactionGoToOneMember(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	d := alice.ring(x[0].addr, "sip:bob@example.com")
	first := bob.request("INVITE")
	alice.status(100)
	alice.sendRaw(x[1].addr, []byte(d.lastInviteText))
	alice.status(100)
	bob.request("INVITE")
	first.from = x[1].addr // and the Via of the first
	bob.reply(first, 180, "Ringing", "b")
	if r := alice.status(180); r.from != x[0].addr {
		t.Errorf("180 from %s, not from the owner", r.from)
	}
	x[0].kill()
	bob.reply(first, 200, "OK", "b", "Contact: <"+bob.contact()+">")
	ok := alice.status(200)
	if ok.from != x[1].addr || len(ok.values(wire.HeaderVia)) != 1 {
		t.Errorf("200 from %s", ok.from)
	}
}
