package server

import (
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/wire"
)

// TestRFC5627_GRUUs: a phone is told its GRUUs, and is called by them through any member,
// also when the one that told them is gone; by a temporary one until it registers anew.
func TestRFC5627_GRUUs(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, desk, mobile := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "bob")
	register := func(p *phone, at *proxy, callID string, cseq int, instance string) (public, temporary string) {
		t.Helper()
		p.sendRaw(at.addr, p.registerText(callID, cseq, "Supported: path, gruu", "Contact: <"+p.contact()+`>;+sip.instance="<urn:uuid:`+instance+`>"`))
		for _, c := range p.status(200).values(wire.HeaderContact) {
			if strings.Contains(c, p.contact()) {
				_, c, _ = strings.Cut(c, `;pub-gruu="`)
				public, c, _ = strings.Cut(c, `"`)
				temporary = strings.TrimSuffix(strings.TrimPrefix(c, `;temp-gruu="`), `"`)
			}
		}
		return public, temporary
	}
	rings := func(at *proxy, uri string, p *phone) {
		t.Helper()
		d := alice.ring(at.addr, uri)
		invite := p.request("INVITE")
		if string(invite.RequestURI()) != p.contact() {
			t.Errorf("%s rings with %s", uri, invite.RequestURI())
		}
		p.reply(invite, 486, "Busy Here", "b")
		p.request("ACK")
		d.ackFailure(alice.status(486))
	}
	fails := func(at *proxy, uri string, status int) {
		t.Helper()
		d := alice.ring(at.addr, uri)
		d.ackFailure(alice.status(status))
	}
	call := unique("reg")
	public, first := register(desk, x[0], call, 1, "desk")
	register(mobile, x[1], unique("reg"), 1, "mobile")
	_, second := register(desk, x[1], call, 2, "desk")
	if public != "sip:bob@example.com;gr=urn:uuid:desk" || first == second || first == "" {
		t.Errorf("public %s, temporary %s and %s", public, first, second)
	}
	for _, uri := range []string{public, public + ";ob", first, second} {
		rings(x[0], uri, desk)
		rings(x[1], uri, desk)
	}
	fails(x[0], "sip:bob@example.com;gr=urn:uuid:nobody", 480)
	fails(x[0], strings.Replace(first, "@", "A@", 1), 404)
	fails(x[0], "sip:bob@example.com;gr", 404)
	x[0].kill()
	rings(x[1], public, desk)
	rings(x[1], second, desk)
	register(desk, x[1], unique("reg"), 1, "desk") // as one that was restarted
	rings(x[1], public, desk)
	fails(x[1], first, 404)
	fails(x[1], second, 404)
	mobile.quiet(20 * time.Millisecond)
}

// TestRFC5627_4_4_GRUUAsRemoteTarget: phones that give their GRUU as the Contact of a call
// can be hung up by, through any member, also when they have registered from elsewhere, or
// not any more.
func TestRFC5627_4_4_GRUUAsRemoteTarget(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob, moved := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "bob")
	call := unique("reg")
	register := func(p *phone, cseq int, more string) {
		t.Helper()
		p.sendRaw(x[0].addr, p.registerText(call, cseq, "Supported: gruu", "Contact: <"+p.contact()+`>;+sip.instance="<urn:uuid:bob>"`+more))
		p.status(200)
	}
	register(bob, 1, "")
	d := alice.ring(x[0].addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 200, "OK", "b", "Contact: <sip:bob@example.com;gr=urn:uuid:bob;ob>")
	d.answered(alice.status(200))
	d.ack()
	bob.request("ACK")
	info := func(at *proxy, p *phone, uri string) {
		t.Helper()
		d.proxy = at.addr
		d.send("INFO")
		r := p.request("INFO")
		if string(r.RequestURI()) != uri {
			t.Errorf("it comes for %s, not %s", r.RequestURI(), uri)
		}
		p.reply(r, 200, "OK", "")
		alice.status(200)
	}
	info(x[0], bob, bob.contact())
	info(x[1], bob, bob.contact())
	register(bob, 2, ";expires=0")
	info(x[1], bob, d.target) // where the token has it
	register(moved, 3, "")
	info(x[1], moved, moved.contact())
}
