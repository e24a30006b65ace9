package server

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// accept waits for a connection to a phone that listens at its address over TCP, too.
func (p *phone) accept(listener net.Listener) {
	p.t.Helper()
	giveUp := time.AfterFunc(patience, func() { _ = listener.Close() })
	defer giveUp.Stop()
	conn, err := listener.Accept()
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	p.over = &connection{Conn: conn, transport: flow.TCP}
}

// newPhoneAlone is a phone at an address of its own, of which nobody has a TCP port.
func newPhoneAlone(t testing.TB, user string) *phone {
	t.Helper()
	return newPhoneAt(t, user, fmt.Sprintf("127.%d.%d.%d:0", 64+testPID>>8%128, testPID%256, 1+serial.Add(1)%250))
}

// TestRFC3261_18_1_1_LargeRequestOverTCP: what is too large for a datagram goes by TCP to
// who takes that, and to who does not by UDP; both ends are told what they reach us by.
func TestRFC3261_18_1_1_LargeRequestOverTCP(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, everyTransport)[0]
	alice, bob, carol := newPhone(t, "alice"), newPhoneAlone(t, "bob"), newPhoneAlone(t, "carol")
	bob.register(x)
	carol.register(x)
	listener, err := net.Listen("tcp", bob.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	large := "X-Large: " + strings.Repeat("x", 1300)
	for _, p := range []*phone{bob, carol} {
		d := alice.ring(x.addr, "sip:"+p.user+"@example.com", large)
		over, routes := "SIP/2.0/UDP ", 1
		if p == bob {
			p.accept(listener)
			over, routes = "SIP/2.0/TCP ", 2
		}
		invite := p.request("INVITE")
		if via := invite.values(wire.HeaderVia)[0]; !strings.HasPrefix(via, over) || len(invite.values(wire.HeaderRecordRoute)) != routes {
			t.Errorf("%s: Via %s, Record-Route %q", p.user, via, invite.values(wire.HeaderRecordRoute))
		}
		p.reply(invite, 486, "Busy Here", "b")
		d.ackFailure(alice.status(486))
		p.request("ACK")
	}
}

// TestRFC5626_6_OutboundOverTCP: who registers a flow over a connection is told that it is
// kept, and who does so by UDP is answered as ever.
func TestRFC5626_6_OutboundOverTCP(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, everyTransport)[0]
	for over, want := range map[flow.Transport][]string{flow.TCP: {"outbound"}, flow.UDP: {}} {
		bob := newPhoneOver(t, over, "bob", x)
		register := func(more ...string) *received {
			bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, append(more, "Supported: path, outbound", "Contact: <"+bob.contact()+`>;reg-id=1;+sip.instance="<urn:uuid:`+over.String()+`>"`)...))
			return bob.news()
		}
		ok := register()
		if got := ok.values(wire.HeaderRequire); ok.StatusCode() != 200 || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("over %v: %d, Require %q", over, ok.StatusCode(), got)
		}
		if timed := bytes.Contains(ok.Raw, []byte("\r\nFlow-Timer: 120\r\n")); timed != (over == flow.TCP) {
			t.Errorf("over %v: Flow-Timer %v", over, timed)
		}
		behind := register("Via: SIP/2.0/TLS 10.0.0.1;branch=z9hG4bKfurther")
		if wanted := map[flow.Transport]int{flow.TCP: 439, flow.UDP: 200}[over]; behind.StatusCode() != wanted {
			t.Errorf("over %v, behind a proxy that keeps no flows: %d", over, behind.StatusCode())
		}
	}
}

// TestRFC5630_5_3_NeverInTheClear: a call to a SIPS URI that did not come over TLS, or
// has nobody to go to over it, goes nowhere.
func TestRFC5630_5_3_NeverInTheClear(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, everyTransport)[0]
	bob := newPhoneOver(t, flow.TCP, "bob", x)
	bob.register(x)
	for _, over := range []flow.Transport{flow.UDP, flow.TCP} {
		alice := newPhoneOver(t, over, "alice", x)
		alice.ring(x.addr, "sips:bob@example.com")
		if r := alice.status(480); !bytes.Contains(r.Raw, []byte("\r\nWarning: 380 ")) {
			t.Errorf("over %v: %s", over, r.Raw)
		}
	}
}

// TestRFC5627_4_4_GRUUOfALostConnection: a phone on TCP that has given its GRUU is reached
// over the connection that it has now, at whatever member.
func TestRFC5627_4_4_GRUUOfALostConnection(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2, everyTransport)
	alice, bob := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x[0])
	register := func(cseq int) {
		t.Helper()
		bob.sendRaw(x[0].addr, bob.registerText(unique("reg"), cseq, "Supported: gruu", "Contact: <"+bob.contact()+`;transport=tcp>;+sip.instance="<urn:uuid:bob>"`))
		bob.status(200)
	}
	register(1)
	d := alice.ring(x[1].addr, "sip:bob@example.com;gr=urn:uuid:bob")
	bob.reply(bob.request("INVITE"), 200, "OK", "b", "Contact: <sip:bob@example.com;gr=urn:uuid:bob;ob>")
	d.answered(alice.status(200))
	d.ack()
	bob.request("ACK")
	info := func() {
		t.Helper()
		d.send("INFO")
		bob.reply(bob.request("INFO"), 200, "OK", "")
		alice.status(200)
	}
	info()
	_ = bob.over.Close()
	bob.connect(flow.TCP, x[1])
	register(1)
	info()
}
