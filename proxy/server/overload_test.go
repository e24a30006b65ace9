package server

import "testing"

// A flood of new calls refuses new calls, and keeps nobody from hanging up.
func TestFullTableForwardsWithinDialogs(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.config.MaxTransactions = 1 })
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	caller, callee := establish(t, x, alice, bob) // whose transaction is held for 32 s
	refused := alice.ring(x.addr, "sip:bob@example.com")
	refused.ackFailure(alice.status(503))

	callee.send("INVITE")
	alice.reply(alice.request("INVITE"), 200, "OK", "", "Contact: <"+alice.contact()+">")
	bob.status(200)
	callee.ack()
	alice.request("ACK")
	caller.send("BYE")
	bob.reply(bob.request("BYE"), 200, "OK", "")
	alice.status(200)
	if n := x.Transactions(); n != 1 {
		t.Errorf("%d transactions are held", n)
	}
}
