package server

import (
	"testing"
	"time"
)

// A node may give the flow of a phone another port than the phone's, and forget that when
// a member is gone. A caller who asks for its flow (RFC 5626 4.3) is called over that as
// long as somebody is there, and else at the port that its Contact names.
func TestRFC5626_4_3_FlowWhosePortIsForgotten(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, node, bob := newPhone(t, "alice"), newPhone(t, "alice"), newPhone(t, "bob")
	node.addr, node.params = alice.addr, ";ob"
	bob.register(x[0])
	_, callee := establish(t, x[0], node, bob)
	callee.send("INFO")
	node.reply(node.request("INFO"), 200, "OK", "")
	bob.status(200)
	alice.quiet(50 * time.Millisecond)

	_ = node.conn.Close()
	callee.proxy = x[1].addr
	callee.send("INVITE")
	invite := alice.request("INVITE")
	alice.reply(invite, 200, "OK", "", "Contact: <"+alice.contact()+";ob>")
	bob.status(200)
	callee.ack()
	alice.request("ACK")
	callee.send("BYE")
	alice.reply(alice.request("BYE"), 200, "OK", "")
	bob.status(200)
}
