package server

import (
	"fmt"
	"testing"
	"time"
)

// privateInvite is an INVITE whose Via is that of a phone behind a NAT, and whose other
// fields tell it from others with the same Via.
type privateInvite struct {
	callID, tag string
	cseq        int
}

func (i privateInvite) text(method, toTag string) string {
	return fmt.Sprintf("%s sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.10:5060;branch=z9hG4bK47254;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:alice@example.com>;tag=%s\r\nTo: <sip:bob@example.com>%s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n"+
		"Contact: <sip:alice@192.168.1.10:5060>\r\nContent-Length: 0\r\n\r\n", method, i.tag, toTag, i.callID, i.cseq, method)
}

// Two phones in two homes have the same address there, and few random digits: the
// same Via and branch. RFC 3261 17.2.3 takes them for one.
func TestSameViaAndBranchAreTwoCalls(t *testing.T) {
	t.Parallel()
	first := privateInvite{"home1", "a", 1}
	for name, second := range map[string]privateInvite{
		"another Call-ID": {"home2", "a", 1}, "another From tag": {"home1", "b", 1}, "another CSeq": {"home1", "a", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startCluster(t, 2, repeats)
			alice, carol, bob := newPhone(t, "alice"), newPhone(t, "carol"), newPhone(t, "bob")
			bob.register(x[0])
			alice.sendRaw(x[0].addr, []byte(first.text("INVITE", "")))
			one := bob.request("INVITE")
			alice.status(100)
			carol.sendRaw(x[0].addr, []byte(second.text("INVITE", "")))
			two := bob.request("INVITE")
			if string(two.CallID()) != second.callID || string(two.FromTag()) != second.tag {
				t.Fatalf("not the second call:\n%s", two.Raw)
			}
			carol.status(100)
			bob.reply(one, 180, "Ringing", "b1")
			alice.status(180)
			bob.reply(two, 180, "Ringing", "b2")
			carol.status(180)
			// CANCEL and ACK find the one that they are for, the CANCEL at any pod.
			carol.sendRaw(x[1].addr, []byte(second.text("CANCEL", "")))
			cancel := bob.request("CANCEL")
			if a, b := via(t, two), via(t, cancel); a != b {
				t.Errorf("the CANCEL has branch %s, the INVITE %s", b, a)
			}
			bob.reply(cancel, 200, "OK", "b2")
			carol.status(200)
			bob.reply(two, 487, "Request Terminated", "b2")
			bob.request("ACK")
			carol.status(487)
			carol.sendRaw(x[0].addr, []byte(second.text("ACK", ";tag=b2")))
			alice.quiet(timerG)
			carol.quiet(10 * time.Millisecond)
		})
	}
}

// via is the branch of the topmost Via.
func via(t *testing.T, r *received) string {
	t.Helper()
	v, err := r.TopVia()
	if err != nil {
		t.Fatal(err)
	}
	return string(v.Branch())
}
