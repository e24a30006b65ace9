package server

import (
	"bytes"
	"fmt"
	"testing"
)

// gone is the contact of a phone that was switched off.
func gone(t *testing.T) string {
	t.Helper()
	p := newPhone(t, "bob")
	_ = p.conn.Close()
	return p.contact()
}

// Without word of the closed port these wait for Timer B or F, 32 s.
func TestRFC3261_16_9_TargetThatRefuses(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.registerAt(x, "sip:bob@example.com", gone(t))
	d := alice.ring(x.addr, "sip:bob@example.com")
	d.ackFailure(alice.status(480)) // 16.7 step 6: not the 503 of another

	alice.send(x.addr, fmt.Sprintf(`
		MESSAGE sip:bob@example.com SIP/2.0
		Via: SIP/2.0/UDP %s;branch=%s
		From: <sip:alice@example.com>;tag=1
		To: <sip:bob@example.com>
		Call-ID: %s
		CSeq: 1 MESSAGE`, alice.addr, unique("z9hG4bK"), unique("m")))
	alice.status(480)
}

func TestRFC3261_16_9_ForkGoesOnWithoutWhoRefuses(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	bob.registerAt(x, "sip:bob@example.com", gone(t))
	d := alice.ring(x.addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486)) // at once: the other branch has ended
}

func TestRefusalThatNamesNoBranchEndsNothing(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	d := alice.ring(x.addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 180, "Ringing", "b")
	alice.status(180)
	via, _ := invite.TopVia()
	whole := append([]byte(nil), invite.Raw...)
	at := bytes.Index(whole, via.Branch())
	flipped := append([]byte(nil), whole...)
	flipped[at+20] ^= 1
	for name, data := range map[string][]byte{
		"nothing": nil, "the UDP header alone": {}, "a branch quoted in part": whole[:at+20], "a branch of nobody's": flipped,
		"another's request": []byte(d.lastInviteText), "a response": append([]byte("SIP/2.0 200 OK\r\nVia: "), whole[at-40:]...),
	} {
		x.refused(data)
		if n := x.table.Stats().Unreachable; n != 0 {
			t.Fatalf("%s: ended a branch", name)
		}
	}
	x.refused(whole[:at+len(via.Branch())])
	if n := x.table.Stats().Unreachable; n != 1 {
		t.Errorf("%d branches ended by the true one", n)
	}
	d.ackFailure(alice.status(480))
}

// Processes that share an address share its ICMP errors too: the kernel tells the
// socket that the far end's address falls to.
func TestRefusalThatAnotherMemberIsToldOf(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 3)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	d := alice.ring(x[0].addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 180, "Ringing", "b")
	alice.status(180)
	via, _ := invite.TopVia()
	at := bytes.Index(invite.Raw, via.Branch())
	flipped := bytes.Clone(invite.Raw)
	flipped[at+20] ^= 1
	stranger := x[2].Server
	for name, data := range map[string][]byte{
		"a branch of nobody's": flipped, "the owner quoted in part": invite.Raw[:at+len(via.Branch())+len(";rport;o=1-")],
	} {
		stranger.refused(data)
		if n := x[0].table.Stats().Unreachable; n != 0 {
			t.Fatalf("%s: ended a branch", name)
		}
	}
	x[0].HandleFrame(3, frameRefused, flipped[at:at+len(via.Branch())])
	if n := x[0].metrics.dropped[dropPeerFrame].Load(); n != 1 {
		t.Errorf("%d frames with a branch of nobody's dropped", n)
	}
	stranger.refused(invite.Raw)
	counted(t, "branches ended by the true one", func() uint64 { return x[0].table.Stats().Unreachable }, 1)
	d.ackFailure(alice.status(480))
}

func TestRefusalWhoseOwnerIsDeadEndsNothing(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	alice.ring(x[0].addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	x[0].kill()
	x[1].refused(invite.Raw)
	if n := x[1].metrics.toOwner.Load(); n != 0 {
		t.Errorf("%d frames to the dead", n)
	}
}
