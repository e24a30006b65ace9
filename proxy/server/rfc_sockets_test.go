package server

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// TestRFC3261_18_1_2_ResponseToNobody: a response whose topmost Via is not one that was
// written here goes nowhere, whoever is named below it; one to a request of ours does.
func TestRFC3261_18_1_2_ResponseToNobody(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob, victim := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "victim")
	bob.register(x)
	d := alice.ring(x.addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	ours := invite.values(wire.HeaderVia)[0]
	for _, via := range []string{
		"SIP/2.0/UDP " + x.addr.String() + ";branch=" + unique("z9hG4bK"),   // not our branch
		"SIP/2.0/UDP 192.0.2.1:5060;branch=" + unique("z9hG4bK"),            // another's
		strings.Replace(ours, "branch=z9hG4bK", "branch=z9hG4bKA", 1),       // not signed by us
		ours + "\r\nVia: SIP/2.0/UDP " + victim.addr.String() + ";branch=1", // to whom it was not
	} {
		text := "SIP/2.0 200 OK\r\nVia: " + via + "\r\nVia: SIP/2.0/UDP " + victim.addr.String() + ";branch=z9hG4bK1\r\n" +
			"From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>;tag=2\r\nCall-ID: none\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
		bob.sendRaw(x.addr, []byte(text))
	}
	bob.reply(invite, 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))
	victim.quiet(20 * time.Millisecond)
}

// optionsText is a request that is answered here, with a body, whose length is said to be
// what length says.
func (p *phone) optionsText(length, body string) []byte {
	return []byte("OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP " + p.addr.String() + ";rport;branch=" + unique("z9hG4bK") +
		"\r\nMax-Forwards: 70\r\nFrom: <sip:a@example.com>;tag=1\r\nTo: <sip:example.com>\r\nCall-ID: " + unique("o") + "\r\nCSeq: 1 OPTIONS\r\n" + length + "\r\n" + body)
}

// TestRFC3261_18_3_ContentLength: in a datagram what follows the body is passed over, a body
// that is cut short is refused, and without a length it is all there is; over a connection
// the length says where the next message begins, and one without it is refused.
func TestRFC3261_18_3_ContentLength(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, everyTransport)[0]
	for _, over := range []flow.Transport{flow.UDP, flow.TCP, flow.TLS} {
		bob := newPhoneOver(t, over, "bob", x)
		bob.sendRaw(x.addr, bob.optionsText("Content-Length: 4\r\n", "body"))
		bob.status(200)
		if over == flow.UDP {
			for length, want := range map[string]int{"": 200, "Content-Length: 2\r\n": 200, "Content-Length: 5\r\n": 400} {
				bob.sendRaw(x.addr, bob.optionsText(length, "body"))
				bob.status(want)
			}
			continue
		}
		first, second := bob.optionsText("Content-Length: 4\r\n", "body"), bob.optionsText("l: 0\r\n", "")
		own := "SIP/2.0/" + over.String()
		both := strings.ReplaceAll(string(first)+string(second), "SIP/2.0/UDP", own)
		for _, part := range []string{both[:10], both[10 : len(first)+1], both[len(first)+1:]} {
			bob.sendRaw(x.addr, []byte(part))
		}
		bob.status(200)
		bob.status(200)
		bob.sendRaw(x.addr, bob.optionsText("", ""))
		bob.status(400)
	}
}

// TestRFC5626_3_5_1_CRLF: two line ends are answered with one over a connection, and with
// nothing over UDP, where they are no harm.
func TestRFC5626_3_5_1_CRLF(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, everyTransport)[0]
	for _, over := range []flow.Transport{flow.TCP, flow.TLS} {
		bob := newPhoneOver(t, over, "bob", x)
		bob.register(x)
		for range 3 {
			bob.sendRaw(x.addr, []byte("\r\n\r\n"))
			_ = bob.over.SetReadDeadline(time.Now().Add(patience))
			var b [8]byte
			if n, err := bob.over.Read(b[:]); err != nil || string(b[:n]) != "\r\n" {
				t.Errorf("over %v: answered %q, %v", over, b[:n], err)
			}
		}
		bob.sendRaw(x.addr, []byte("\r\n")) // of somebody who answers
		bob.register(x)
	}
	bob := newPhone(t, "bob")
	bob.sendRaw(x.addr, []byte("\r\n\r\n"))
	bob.register(x) // the answer to this is the first that comes
	_ = bob.conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := bob.conn.Read(make([]byte, 8)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes came by UDP, %v", n, err)
	}
}

// TestRFC3608_6_RequestByTheServiceRoute: what a phone was told to send its requests by
// leads to the cluster, at any member, and no further.
func TestRFC3608_6_RequestByTheServiceRoute(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob, edge := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "edge")
	bob.register(x[0])
	text := alice.registerText(unique("reg"), 1, "Supported: path", "Contact: <sip:alice@10.0.0.9>", "Path: <sip:"+edge.addr.String()+";lr>")
	edge.sendRaw(x[0].addr, []byte(strings.Replace(string(text), "Via: SIP/2.0/UDP "+alice.addr.String(),
		"Via: SIP/2.0/UDP "+edge.addr.String()+";branch="+unique("z9hG4bKe")+"\r\nVia: SIP/2.0/UDP 10.0.0.9", 1)))
	service := edge.status(200).value(wire.HeaderServiceRoute)
	for _, at := range x {
		edge.user = "alice"
		d := edge.ring(at.addr, "sip:bob@example.com", "Route: "+service)
		invite := bob.request("INVITE")
		if invite.Has(wire.HeaderRoute) || string(invite.RequestURI()) != bob.contact() {
			t.Errorf("%s came by %q", invite.RequestURI(), invite.values(wire.HeaderRoute))
		}
		bob.reply(invite, 486, "Busy Here", "b")
		bob.request("ACK")
		d.ackFailure(edge.status(486))
	}
}

// TestRFC5627_5_3_GRUUOfNoRegistration: with the registration both GRUUs are over; a public
// one is good again with the next, a temporary one is not.
func TestRFC5627_5_3_GRUUOfNoRegistration(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	register := func(callID string, cseq int, more string) *received {
		t.Helper()
		bob.sendRaw(x.addr, bob.registerText(callID, cseq, "Supported: gruu", "Contact: <"+bob.contact()+`>;+sip.instance="<urn:uuid:desk>"`+more))
		return bob.status(200)
	}
	call := unique("reg")
	_, rest, _ := strings.Cut(register(call, 1, "").value(wire.HeaderContact), `;pub-gruu="`)
	public, rest, _ := strings.Cut(rest, `";temp-gruu="`)
	temporary, _, _ := strings.Cut(rest, `"`)
	rings := func(uri string, rung bool) {
		t.Helper()
		d := alice.ring(x.addr, uri)
		if rung {
			bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
			bob.request("ACK")
		}
		final := alice.news()
		for final.StatusCode() == 100 {
			final = alice.news()
		}
		if d.ackFailure(final); rung != (final.StatusCode() == 486) || !rung && final.StatusCode() != 480 && final.StatusCode() != 404 {
			t.Errorf("%s: answered %d", uri, final.StatusCode())
		}
	}
	rings(public, true)
	rings(temporary, true)
	register(call, 2, ";expires=0")
	rings(public, false)
	rings(temporary, false)
	register(unique("reg"), 1, "")
	rings(public, true)
	rings(temporary, false)
}

// TestRFC7118_7_BrowserSaysWhoItIs: who calls from a browser is asked for credentials as
// everybody is.
func TestRFC7118_7_BrowserSaysWhoItIs(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, forBrowsers, guard(t, &users{}, nil))[0]
	for _, over := range overWebSocket {
		alice, _ := newBrowser(t, over, "alice", x)
		if r := alice.registerAs(x, alice.account()); r.StatusCode() != 200 {
			t.Errorf("%v: %d with the right password", over, r.StatusCode())
		}
		if r := alice.registerAs(x, &account{username: "alice", password: "wrong"}); r.StatusCode() == 200 {
			t.Errorf("%v: registered with the wrong password", over)
		}
		d := alice.ring(x.addr, "sip:nobody@example.com")
		d.ackFailure(alice.status(407))
	}
}
