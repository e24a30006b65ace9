package server

import (
	"fmt"
	"testing"

	"github.com/sipring/sipring/proxy/wire"
)

// sharing is a cluster of three at one address, over whose sockets the kernel spreads sources:
// each receives and sends there, and what is for one that is dead comes to another.
func sharing(t *testing.T, options ...func(*proxyOptions)) []*proxy {
	t.Helper()
	mem := newMemory()
	shared := func(o *proxyOptions) { o.shared = true }
	all := []*proxy{startMember(t, mem, 1, append(options, shared)...)}
	for id := uint32(2); id <= 3; id++ {
		all = append(all, startMember(t, mem, id, append(options, shared, func(o *proxyOptions) { o.listen = all[0].addr.String() })...))
	}
	return all
}

// whoHasIt is the member that has the one transaction that there is.
func whoHasIt(t *testing.T, x []*proxy) *proxy {
	t.Helper()
	for _, p := range x {
		if p.Transactions() > 0 {
			return p
		}
	}
	t.Fatal("nobody has the call")
	return nil
}

// rings has alice call bob, both behind NATs, and the member that has the call die while bob rings.
func ringsOnADeadMember(t *testing.T, bobs ...string) (alice *phone, all []*phone, d *dialog, invites []*received) {
	t.Helper()
	x := sharing(t)
	alice = newPhoneBehindNAT(t, "alice", x[0])
	for i := range bobs {
		bob := newPhoneBehindNAT(t, "bob", x[0])
		bob.params = fmt.Sprintf(";x=%d", i)
		bob.register(x[0])
		all = append(all, bob)
	}
	d = alice.ring(x[0].addr, bobAOR)
	for _, bob := range all {
		invites = append(invites, bob.request("INVITE"))
	}
	for i, bob := range all {
		bob.reply(invites[i], 180, "Ringing", bobs[i])
		alice.status(180)
	}
	whoHasIt(t, x).kill()
	return alice, all, d, invites
}

// What a phone answers finds the caller by the Via that the dead member has signed, and ACK and
// BYE find their ways, though both ends are behind NAT.
func TestSharedAddressPhoneAnswersAfterADeath(t *testing.T) {
	t.Parallel()
	for range 5 {
		alice, all, d, invites := ringsOnADeadMember(t, "b1")
		bob := all[0]
		callee := bob.callee(invites[0], "b1")
		bob.reply(invites[0], 200, "OK", "b1", "Contact: <"+bob.contact()+">")
		d.answered(alice.status(200))
		d.ack()
		bob.request("ACK")
		callee.send("INFO")
		alice.reply(alice.request("INFO"), 200, "OK", "")
		bob.status(200)
		d.send("BYE")
		bob.reply(bob.request("BYE"), 200, "OK", "")
		alice.status(200)
		if bob.nat.refused+alice.nat.refused > 0 {
			t.Error("not all came from the shared address")
		}
	}
}

// A CANCEL finds the phone that rings, and its answers the caller.
func TestSharedAddressCancelAfterADeath(t *testing.T) {
	t.Parallel()
	for range 5 {
		alice, all, d, invites := ringsOnADeadMember(t, "b1")
		bob := all[0]
		d.cancel()
		cancel := bob.request("CANCEL")
		if via(t, cancel) != via(t, invites[0]) {
			t.Errorf("of another branch:\n%s\n%s", cancel.Raw, invites[0].Raw)
		}
		bob.reply(cancel, 200, "OK", "b1")
		if r := alice.status(200); string(r.CSeqMethodBytes()) != "CANCEL" {
			t.Errorf("200 to %s", r.CSeqMethodBytes())
		}
		bob.reply(invites[0], 487, "Request Terminated", "b1")
		d.ackFailure(alice.status(487))
		bob.request("ACK")
	}
}

// The branches of a fork ring on: each that answers reaches the caller. What the dead member would
// have done then, to cancel the others, is the caller's to do.
func TestSharedAddressForkAfterADeath(t *testing.T) {
	t.Parallel()
	for range 5 {
		alice, all, d, invites := ringsOnADeadMember(t, "b1", "b2")
		for i, bob := range all {
			bob.reply(invites[i], 200, "OK", fmt.Sprintf("b%d", i+1), "Contact: <"+bob.contact()+">")
			ok := alice.status(200)
			if to := ok.value(wire.HeaderTo); to != invites[i].value(wire.HeaderTo)+fmt.Sprintf(";tag=b%d", i+1) {
				t.Errorf("the %d. answer is of %s", i+1, to)
			}
			each := *d
			each.answered(ok)
			each.ack()
			bob.request("ACK")
			each.send("BYE")
			bob.reply(bob.request("BYE"), 200, "OK", "")
			alice.status(200)
		}
	}
	alice, all, d, invites := ringsOnADeadMember(t, "b1", "b2")
	d.cancel()
	for i, bob := range all { // whoever rings is cancelled
		bob.reply(bob.request("CANCEL"), 200, "OK", fmt.Sprintf("b%d", i+1))
		bob.reply(invites[i], 487, "Request Terminated", fmt.Sprintf("b%d", i+1))
	}
	alice.status(200)
}
