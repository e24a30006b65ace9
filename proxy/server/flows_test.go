package server

import (
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// Calls between phones of every transport at different members, and either hangs up by
// way of a third, where nothing is known of it but what the request says.
func TestCallsAcrossMembersAndTransports(t *testing.T) {
	t.Parallel()
	for _, from := range []flow.Transport{flow.UDP, flow.TCP} {
		for _, to := range []flow.Transport{flow.UDP, flow.TCP} {
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

// goes waits until a member is seen to have gone by another.
func (x *proxy) waits(t *testing.T, n int) {
	t.Helper()
	counted(t, "requests wait", func() uint64 { return uint64(x.waiting.len()) }, n)
}

// Who dies takes the connections of its phones with it. A call to one of those waits
// until the phone has registered with another member.
func TestCallWaitsForAPhoneWhoseMemberHasDied(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 3, everyTransport)
	alice, bob := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x[0])
	bob.register(x[0])
	x[0].kill()
	bob.hungUp()
	d := alice.ring(x[1].addr, "sip:bob@example.com")
	alice.status(100)
	alice.status(182)
	x[1].waits(t, 1)
	bob.connect(flow.TCP, x[2])
	bob.register(x[2])
	invite := bob.request("INVITE")
	bob.reply(invite, 200, "OK", "b1", "Contact: <"+bob.contact()+">")
	d.answered(alice.status(200))
	d.ack()
	bob.request("ACK")
	x[1].waits(t, 0)
	if n := x[1].metrics.waits[waitDelivered].Load(); n != 1 {
		t.Errorf("%d delivered", n)
	}
	d.send("BYE")
	bob.reply(bob.request("BYE"), 200, "OK", "")
	alice.status(200)
	bob.quiet(20 * time.Millisecond)
}

// Each end finds the other over the connection that it has now, and a request waits for
// that if there is none.
func TestDialogFindsTheNewConnection(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{true, false} {
		for _, gone := range []string{"caller", "callee"} {
			x := startCluster(t, 3, everyTransport)
			alice, bob := newPhoneOver(t, flow.TCP, "alice", x[0]), newPhoneOver(t, flow.TCP, "bob", x[0])
			lost, other := alice, bob
			if gone == "caller" {
				bob.connect(flow.TCP, x[1])
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
				lost.connect(flow.TCP, x[2])
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
