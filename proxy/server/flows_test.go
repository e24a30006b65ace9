package server

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// Calls between phones of every transport at different members, and either hangs up by
// way of a third, where nothing is known of it but what the request says.
func TestCallsAcrossMembersAndTransports(t *testing.T) {
	t.Parallel()
	for _, from := range []flow.Transport{flow.UDP, flow.TCP, flow.TLS} {
		for _, to := range []flow.Transport{flow.UDP, flow.TCP, flow.TLS} {
			t.Run(from.String()+" to "+to.String(), func(t *testing.T) {
				t.Parallel()
				x := startCluster(t, 3, everyTransport)
				alice, bob := newPhoneOver(t, from, "alice", x[0]), newPhoneOver(t, to, "bob", x[1])
				alice.register(x[0])
				bob.register(x[1])
				for _, end := range []string{"caller", "callee"} {
					caller, callee := establish(t, x[0], alice, bob)
					one, other := caller, callee
					if end == "callee" {
						one, other = callee, caller
					}
					one.send("INFO")
					other.p.reply(other.p.request("INFO"), 200, "OK", "")
					one.p.status(200)
					third := &phone{t: t, user: one.p.user, heard: map[string]bool{}}
					if one.p.over != nil {
						third.connect(one.p.over.transport, x[2])
					} else {
						third = one.p
					}
					one.p, one.proxy = third, x[2].addr
					one.send("BYE")
					other.p.reply(other.p.request("BYE"), 200, "OK", "")
					third.status(200)
				}
				alice.quiet(20 * time.Millisecond)
				bob.quiet(20 * time.Millisecond)
				if n := x[0].metrics.relayed.Load(); (n > 0) != to.Reliable() {
					t.Errorf("%d messages were handed to the member that the callee is connected to", n)
				}
				if n := x[1].registrants.len(); (n == 1) != to.Reliable() {
					t.Errorf("somebody has registered over %d connections", n)
				}
			})
		}
	}
}

// A datagram may leave out Content-Length, a stream of bytes may not (RFC 3261 18.3).
func TestRFC3261_18_3_WhatLeavesOverAConnectionHasALength(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1, everyTransport)[0]
	for _, body := range []string{"", "v=0\r\n"} {
		alice, bob := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x)
		bob.register(x)
		send := func(p *phone, text string) {
			p.sendRaw(x.addr, []byte(strings.Replace(text, "Content-Length: 0\r\n", "", 1)+body))
		}
		ask := func(p *phone, to string) string {
			d := &dialog{p: p, callID: unique("m"), local: "<sip:" + p.user + "@example.com>;tag=1", remote: "<sip:" + to + "@example.com>"}
			return d.head("MESSAGE", "sip:"+to+"@example.com", unique("z9hG4bK"), 1) + "Content-Length: 0\r\n\r\n"
		}
		send(alice, ask(alice, "bob"))
		m := bob.request("MESSAGE")
		if string(m.BodyBytes()) != body {
			t.Errorf("body %q, want %q", m.BodyBytes(), body)
		}
		bob.reply(m, 200, "OK", "b")
		alice.status(200)
		alice.register(x)
		bob.sendRaw(x.addr, []byte(ask(bob, "alice")))
		m = alice.request("MESSAGE")
		answer := wire.AppendResponse(nil, &m.Message, 200, "OK", []byte("a"), nil)
		send(alice, string(answer))
		if ok := bob.status(200); string(ok.BodyBytes()) != body {
			t.Errorf("body %q, want %q", ok.BodyBytes(), body)
		}
	}
}

// Each end finds the other over the connection that it has now, and a request waits for
// that if there is none.
func TestDialogFindsTheNewConnection(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{true, false} {
		for _, gone := range []string{"caller", "callee"} {
			x := startCluster(t, 3, everyTransport)
			alice, bob := newPhoneOver(t, flow.TCP, "alice", x[0]), newPhoneOver(t, flow.TLS, "bob", x[0])
			lost, other := alice, bob
			if gone == "caller" {
				bob.connect(flow.TLS, x[1])
			} else {
				alice.connect(flow.TCP, x[1])
				lost, other = bob, alice
			}
			alice.register(x[1])
			bob.register(x[1])
			caller, callee := establish(t, x[1], alice, bob)
			d := callee
			if gone == "callee" {
				d = caller
			}
			x[0].kill()
			lost.hungUp()
			back := func() {
				lost.connect(lost.over.transport, x[2])
				lost.register(x[2])
			}
			if early {
				back()
			}
			d.send("BYE")
			if !early {
				x[1].waits(t, 1)
				back()
			}
			lost.reply(lost.request("BYE"), 200, "OK", "")
			other.status(200)
		}
	}
}

// A request that has been given to a connection whose end nobody had noticed is looked
// for another flow of the phone, or waits.
func TestFramesForConnectionsThatAreOver(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2, everyTransport)
	alice, bob := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x[0])
	bob.register(x[0])
	x[0].mem.mu.Lock()
	lost := x[0].mem.records["sip:bob@example.com"] // what the second still believes
	x[0].mem.mu.Unlock()
	_ = bob.over.Close()
	counted(t, "dead flows are known", func() uint64 {
		n := uint64(0)
		for b := range lost.Live(time.Now().UnixMilli()) {
			if x[1].dead(b.Flow) {
				n++
			}
		}
		return n
	}, 1)
	for i := range x[1].deaths.places {
		x[1].deaths.places[i].Store(nil)
	}
	d := alice.ring(x[1].addr, "sip:bob@example.com")
	alice.status(100)
	alice.status(182)
	if n := x[0].metrics.lostFlow.Load(); n != 1 {
		t.Errorf("%d messages came for a connection that is over", n)
	}
	bob.connect(flow.TCP, x[0])
	bob.register(x[0])
	bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))
}

// Of two connections of one phone the newer rings, and the other if that is over.
func TestPhoneWithTwoConnectionsRingsOnce(t *testing.T) {
	t.Parallel()
	for _, outbound := range []bool{false, true} {
		x := startCluster(t, 2, everyTransport)
		alice, bob := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x[0])
		again := newPhoneOver(t, flow.TCP, "bob", x[1])
		for i, p := range []*phone{bob, again} {
			contact := fmt.Sprintf(`Contact: <%s>;+sip.instance="<urn:uuid:1>"`, p.contact())
			if outbound {
				contact += fmt.Sprintf(";reg-id=%d", i+1)
			}
			p.sendRaw(x[i].addr, p.registerText(unique("reg"), 1, "Supported: outbound, path", contact))
			p.status(200)
		}
		d := alice.ring(x[0].addr, "sip:bob@example.com")
		again.reply(again.request("INVITE"), 486, "Busy Here", "b")
		again.request("ACK")
		d.ackFailure(alice.status(486))
		bob.quiet(20 * time.Millisecond)
		if !outbound {
			continue
		}
		x[1].kill()
		d = alice.ring(x[0].addr, "sip:bob@example.com")
		bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
		bob.request("ACK")
		d.ackFailure(alice.status(486))
	}
}

// What nobody has answered over a connection that ends is tried over the next one.
func TestUnansweredCallGoesOverTheNewConnection(t *testing.T) {
	t.Parallel()
	for _, away := range []bool{false, true} { // the phone is at another member than the call
		x := startCluster(t, 2, everyTransport)
		at := x[0]
		if away {
			at = x[1]
		}
		alice, bob := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", at)
		register := func(x *proxy) {
			bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, fmt.Sprintf(`Contact: <%s>;+sip.instance="<urn:uuid:1>"`, bob.contact())))
			bob.status(200)
		}
		register(at)
		d := alice.ring(x[0].addr, "sip:bob@example.com")
		first := bob.request("INVITE")
		if away {
			at.kill()
		} else {
			_ = bob.over.Close()
		}
		alice.status(182)
		bob.connect(flow.TCP, x[0])
		register(x[0])
		again := bob.request("INVITE")
		a, _ := first.TopVia()
		if b, _ := again.TopVia(); !bytes.Equal(a.Branch(), b.Branch()) {
			t.Errorf("what is sent again is another request to the phone (RFC 3261 8.2.2.2):\n%s\n%s", first.Raw, again.Raw)
		}
		bob.reply(again, 486, "Busy Here", "b")
		bob.request("ACK")
		d.ackFailure(alice.status(486))
	}
}

// Who registers over a connection is reached over that, whatever address it names.
func TestContactOverAConnectionIsNobodyElse(t *testing.T) {
	t.Parallel()
	x := startProxy(t, everyTransport)
	alice, mallory, victim := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x), newPhone(t, "victim")
	mallory.sendRaw(x.addr, mallory.registerText(unique("reg"), 1, "Contact: <"+victim.contact()+">", "Contact: <sip:x@192.0.2.1:7947;transport=tcp>"))
	mallory.status(200)
	d := alice.ring(x.addr, "sip:bob@example.com")
	for _, invite := range []*received{mallory.request("INVITE"), mallory.request("INVITE")} {
		mallory.reply(invite, 486, "Busy Here", unique("b"))
	}
	d.ackFailure(alice.status(486))
	victim.quiet(20 * time.Millisecond)
}

// A response goes back over the connection of whichever member has it.
func TestResponseOverTheConnectionOfAnotherMember(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2, everyTransport)
	alice := newPhoneOver(t, flow.TCP, "alice", x[0])
	alice.register(x[0])
	over := flow.Flow{}
	x[0].mem.mu.Lock()
	for b := range x[0].mem.records["sip:alice@example.com"].Live(time.Now().UnixMilli()) {
		over = b.Flow
	}
	x[0].mem.mu.Unlock()
	for n := range 50 {
		x[1].answer(over, []byte(fmt.Sprintf("SIP/2.0 180 Ringing\r\nVia: SIP/2.0/TCP %s;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: c\r\nCSeq: %d INVITE\r\nContent-Length: 0\r\n\r\n", alice.addr, n+1)))
	}
	for n := range 50 {
		if number, _, _ := alice.status(180).CSeq(); number != uint32(n+1) {
			t.Fatalf("number %d comes in place %d", number, n+1)
		}
	}
}

// Whoever takes connections, and ends each when it is sent a request, is called a few
// times and no more.
func TestFarEndThatHangsUpIsNotCalledForEver(t *testing.T) {
	t.Parallel()
	x := startProxy(t, everyTransport, anyContact)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	var calls atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			var some [100]byte
			if n, _ := conn.Read(some[:]); n > 0 {
				calls.Add(1)
			}
			_ = conn.Close()
		}
	}()
	alice := newPhone(t, "alice")
	newPhone(t, "bob").registerAt(x, "sip:bob@example.com", fmt.Sprintf("sip:bob@%s;transport=tcp", listener.Addr()))
	d := alice.ring(x.addr, "sip:bob@example.com")
	d.ackFailure(alice.status(480))
	if n := calls.Load(); n == 0 || n > maxLosses+1 {
		t.Errorf("called %d times", n)
	}
}
