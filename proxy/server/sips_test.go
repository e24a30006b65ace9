package server

import (
	"strings"
	"testing"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// TestRFC5630_5_3_SIPSCall: between two phones on TLS at two members a call by SIPS is one
// all the way, and what is for the SIP URI of a phone with a SIPS contact goes over TLS to
// that as a SIP one.
func TestRFC5630_5_3_SIPSCall(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2, everyTransport)
	alice, bob, carol := newPhoneOver(t, flow.TLS, "alice", x[0]), newPhoneOver(t, flow.TLS, "bob", x[1]), newPhone(t, "carol")
	contact := "sips:bob@" + bob.addr.String()
	bob.sendRaw(x[1].addr, bob.registerText(unique("reg"), 1, "Contact: <"+contact+">"))
	bob.status(200)

	d := alice.ring(x[0].addr, "sips:bob@example.com")
	invite := bob.request("INVITE")
	via, routes := invite.values(wire.HeaderVia), invite.values(wire.HeaderRecordRoute)
	if string(invite.RequestURI()) != contact || !strings.HasPrefix(via[0], "SIP/2.0/TLS sip.cluster.example:5061;") ||
		len(routes) != 1 || !strings.HasPrefix(routes[0], "<sips:") || !strings.HasSuffix(routes[0], "@sip.cluster.example:5061;lr>") {
		t.Errorf("for %s, Via %s, Record-Route %q", invite.RequestURI(), via[0], routes)
	}
	bob.reply(invite, 200, "OK", "b", "Contact: <"+contact+">")
	d.answered(alice.status(200))
	d.ack()
	bob.request("ACK")
	d.send("BYE")
	bob.reply(bob.request("BYE"), 200, "OK", "")
	alice.status(200)

	d = carol.ring(x[0].addr, "sip:bob@example.com")
	invite = bob.request("INVITE")
	routes = invite.values(wire.HeaderRecordRoute)
	if string(invite.RequestURI()) != "sip"+contact[len("sips"):] || len(routes) != 2 || !strings.Contains(routes[0], ":5061;transport=tls;") || strings.Contains(routes[1], "transport") {
		t.Errorf("for %s, Record-Route %q", invite.RequestURI(), routes)
	}
	bob.reply(invite, 486, "Busy Here", "b")
	d.ackFailure(carol.status(486))
	bob.request("ACK")

	carol.ring(x[0].addr, "sips:bob@example.com") // in the clear
	carol.status(480)
}
