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
// a user of another one, however the user is named.
func TestOpenDomainOpensNoOther(t *testing.T) {
	t.Parallel()
	mem := newMemory()
	two := func(o *proxyOptions) { o.mem, o.config.Domains = mem, []string{"open.example", "example.com"} }
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(startProxy(t, two))
	x := startProxy(t, two, func(o *proxyOptions) { o.self = 2 }, guard(t, &users{}, func(a *config.Authentication) {
		a.Domains = []config.DomainAuthentication{{Domain: "open.example", Open: true}}
	}))
	for _, uri := range []string{"sip:bob@example.com", bob.contact(), "tel:7;phone-context=example.com"} {
		alice.sendRaw(x.addr, fmt.Appendf(nil, "MESSAGE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=%s\r\nMax-Forwards: 70\r\nFrom: <sip:eve@elsewhere.example>;tag=1\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
			uri, alice.addr, unique("z9hG4bKw"), uri, unique("w")))
		alice.status(403)
		bob.quiet(5 * time.Millisecond)
	}
}
