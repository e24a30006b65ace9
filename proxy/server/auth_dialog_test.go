package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// TestRegisterIsOfNoDialog: whoever has a dialog's token, at either end of it, binds
// nothing with that (RFC 3261 10.2: a REGISTER is outside of all dialogs).
func TestRegisterIsOfNoDialog(t *testing.T) {
	t.Parallel()
	x := startProxy(t, guard(t, &users{}, nil))
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.registerAs(x, bob.account())
	caller := alice.call(x, alice.account(), "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 200, "OK", "b1", "Contact: <"+bob.contact()+">")
	caller.answered(alice.status(200))
	caller.ack()
	bob.request("ACK")
	for _, d := range []*dialog{caller, bob.callee(invite, "b1")} {
		for _, uri := range []string{"sip:example.com", "sip:" + x.addr.String(), "sip:victim@example.com", d.target} {
			_, tag, _ := strings.Cut(d.remote, ";tag=")
			h := *d
			h.remote = "<sip:victim@example.com>;tag=" + tag
			d.p.sendRaw(x.addr, []byte(h.head("REGISTER", uri, unique("z9hG4bKd"), 1000)+
				fmt.Sprintf("Contact: <sip:victim@%s>\r\nExpires: 300\r\nContent-Length: 0\r\n\r\n", d.p.addr)))
			if r := d.p.receive(patience); r == nil {
				t.Fatal("no answer")
			} else if r.StatusCode() != 401 {
				t.Errorf("REGISTER %s is not refused:\n%s", uri, r.Raw)
			}
		}
	}
	alice.quiet(5 * time.Millisecond)
}

// TestOpenDomainOpensNoOther: that the first domain is open lets nobody from outside call
// a user of another one, however the user is named; nor does it let who says to be a user
// of the open one, as anybody can.
func TestOpenDomainOpensNoOther(t *testing.T) {
	t.Parallel()
	mem := newMemory()
	two := func(o *proxyOptions) { o.mem, o.config.Domains = mem, []string{"open.example", "example.com"} }
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(startProxy(t, two))
	const reached = 202
	for outside, want := range map[string]int{config.OutsideReject: 403, config.OutsideChallenge: 407, config.OutsideAllow: reached} {
		x := startProxy(t, two, func(o *proxyOptions) { o.self = 2 }, guard(t, &users{}, func(a *config.Authentication) {
			a.Outside, a.Domains = outside, []config.DomainAuthentication{{Domain: "open.example", Open: true}}
		}))
		for _, from := range []string{"sip:eve@elsewhere.example", "sip:eve@open.example", "sips:eve@OPEN.example.:5070", "sip:open.example", "tel:7", "tel:7;phone-context=open.example"} {
			for _, uri := range []string{"sip:bob@example.com", bob.contact(), "tel:7;phone-context=example.com"} {
				alice.sendRaw(x.addr, fmt.Appendf(nil, "MESSAGE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=%s\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=1\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
					uri, alice.addr, unique("z9hG4bKw"), from, uri, unique("w")))
				want := want
				switch {
				case want != reached:
				case strings.HasPrefix(uri, "tel"):
					want = 480 // which is registered nowhere
				default:
					bob.reply(bob.request("MESSAGE"), reached, "Accepted", "b")
				}
				r := alice.news()
				for r != nil && r.StatusCode() == 100 {
					r = alice.news()
				}
				if r == nil {
					t.Fatal("no answer")
				} else if r.StatusCode() != want {
					t.Errorf("%s: %s calls %s: %d %s, want %d", outside, from, uri, r.StatusCode(), r.Reason(), want)
				}
				if want != reached {
					bob.quiet(2 * time.Millisecond)
				}
			}
		}
	}
}

// TestOutsideByDomain: a domain may be stricter than the others, or let in more; a user of
// it who is called by a contact is under the strictest rule of all.
func TestOutsideByDomain(t *testing.T) {
	t.Parallel()
	mem := newMemory()
	domains := func(o *proxyOptions) {
		o.mem, o.config.Domains = mem, []string{"example.com", "loose.example", "strict.example"}
	}
	eve, bob := newPhone(t, "eve"), newPhone(t, "bob")
	bob.register(startProxy(t, domains))
	x := startProxy(t, domains, func(o *proxyOptions) { o.self = 2 }, guard(t, &users{}, func(a *config.Authentication) {
		a.Outside, a.Domains = config.OutsideChallenge, []config.DomainAuthentication{
			{Domain: "loose.example", Outside: config.OutsideAllow}, {Domain: "strict.example", Outside: config.OutsideReject},
		}
	}))
	for uri, want := range map[string]int{
		"sip:bob@example.com": 407, "sip:bob@loose.example": 480, "sip:bob@LOOSE.example.": 480, "sip:bob@strict.example": 403, "tel:7;phone-context=strict.example": 403,
		bob.contact(): 403,
	} {
		eve.sendRaw(x.addr, fmt.Appendf(nil, "MESSAGE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=%s\r\nMax-Forwards: 70\r\nFrom: <sip:eve@elsewhere.example>;tag=1\r\nTo: <%[1]s>\r\nCall-ID: %s\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
			uri, eve.addr, unique("z9hG4bKw"), unique("w")))
		r := eve.news()
		if r == nil {
			t.Fatalf("%s: no answer", uri)
		} else if r.StatusCode() != want {
			t.Errorf("%s: %d %s, want %d", uri, r.StatusCode(), r.Reason(), want)
		}
	}
	bob.quiet(2 * time.Millisecond)
}

// TestUsersOfAnOpenDomain call each other, and whoever calls them from outside is let in.
func TestUsersOfAnOpenDomain(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.config.Domains = []string{"closed.example", "example.com"} }, guard(t, &users{}, func(a *config.Authentication) {
		a.Domains = []config.DomainAuthentication{{Domain: "example.com", Open: true}}
	}))
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	alice.register(x)
	bob.register(x)
	caller, callee := establish(t, x, alice, bob)
	caller.send("INFO")
	bob.reply(bob.request("INFO"), 200, "OK", "")
	alice.status(200)
	callee.send("BYE")
	alice.reply(alice.request("BYE"), 200, "OK", "")
	bob.status(200)
}
