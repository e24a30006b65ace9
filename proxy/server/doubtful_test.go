package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// TestRFC3261_16_10_AckAndCancelOfNothing: neither can be asked to prove anything, so where
// the INVITE would have to, they go to phones only from where the caller is registered, at
// whichever member.
func TestRFC3261_16_10_AckAndCancelOfNothing(t *testing.T) {
	t.Parallel()
	const elsewhere, home, beside = "127.0.0.9:0", "127.0.0.2:0", "127.0.0.2:0"
	for name, tt := range map[string]struct {
		rules   func(*config.Authentication)
		at      string // where it comes from; alice is registered at home
		from    string
		contact bool // it is for bob's contact
		want    bool
	}{
		"from alice, at another port of hers":  {at: beside, from: "sip:alice@example.com", want: true},
		"from alice, to a contact":             {at: beside, from: "sip:alice@example.com", contact: true, want: true},
		"from alice, elsewhere":                {at: elsewhere, from: "sip:alice@example.com"},
		"from alice, elsewhere, to a contact":  {at: elsewhere, from: "sip:alice@example.com", contact: true},
		"from alice's number, elsewhere":       {at: elsewhere, from: "tel:+12015550123"},
		"from who is registered nowhere":       {at: elsewhere, from: "sip:carol@example.com"},
		"from a domain":                        {at: beside, from: "sip:example.com"},
		"from outside":                         {at: elsewhere, from: "sip:eve@elsewhere.example"},
		"from outside, where it is let in":     {rules: func(a *config.Authentication) { a.Outside = config.OutsideAllow }, at: elsewhere, from: "sip:eve@elsewhere.example", want: true},
		"from outside, where it is challenged": {rules: func(a *config.Authentication) { a.Outside = config.OutsideChallenge }, at: elsewhere, from: "sip:eve@elsewhere.example"},
		"from nobody":                          {at: elsewhere, from: "sip:anonymous@anonymous.invalid"},
		"from alice, where outside is let in":  {rules: func(a *config.Authentication) { a.Outside = config.OutsideAllow }, at: elsewhere, from: "sip:alice@example.com"},
		"from a trusted source":                {rules: func(a *config.Authentication) { a.Trusted = []config.TrustedSource{{Prefix: "127.0.0.9/32"}} }, at: elsewhere, from: "sip:+1@trunk.example", want: true},
		"where all is open":                    {rules: func(a *config.Authentication) { *a = config.Authentication{Open: true} }, at: elsewhere, from: "sip:alice@example.com", want: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mem := newMemory()
			unlimited := func(o *proxyOptions) { o.config.Limits.Trusted = nil }
			bob := newPhone(t, "bob")
			open := startMember(t, mem, 1)
			bob.register(open)
			newPhoneAt(t, "alice", home).register(open)
			x := startMember(t, mem, 2, guard(t, &users{}, tt.rules), unlimited)
			p, uri := newPhoneAt(t, "p", tt.at), "sip:bob@example.com"
			if tt.contact {
				uri = bob.contact()
			}
			for _, method := range []string{"CANCEL", "ACK"} {
				p.sendRaw(x.addr, fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=%s\r\nMax-Forwards: 70\r\nFrom: <%s>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n",
					method, uri, p.addr, unique("z9hG4bKd"), tt.from, unique("d"), method))
				if tt.want {
					bob.request(method)
					continue
				}
				if method == "CANCEL" {
					p.status(481)
				}
				bob.quiet(5 * time.Millisecond)
			}
		})
	}
}

// TestCancelWhereNobodyCanTell is not answered: the next copy may find who can.
func TestCancelWhereNobodyCanTell(t *testing.T) {
	t.Parallel()
	mem := newMemory()
	bob, open := newPhone(t, "bob"), startMember(t, mem, 1)
	bob.register(open)
	newPhoneAt(t, "alice", "127.0.0.2:0").register(open)
	x := startMember(t, mem, 2, guard(t, &users{}, nil), func(o *proxyOptions) { o.config.Limits.Trusted = nil })
	p := newPhoneAt(t, "alice", "127.0.0.2:0")
	cancel := []byte(p.asking("CANCEL"))
	mem.mu.Lock()
	mem.unknown = "sip:alice@example.com"
	mem.mu.Unlock()
	p.sendRaw(x.addr, cancel)
	counted(t, "unproved", x.metrics.dropped[dropUnproved].Load, 1)
	p.quiet(5 * time.Millisecond)
	mem.mu.Lock()
	mem.unknown = ""
	mem.mu.Unlock()
	p.sendRaw(x.addr, cancel)
	bob.request("CANCEL")
}
