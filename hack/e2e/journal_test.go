//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// player has a client and three members talk in a journal.
type player struct {
	*journal
	client  netip.AddrPort
	members []netip.AddrPort
}

func newPlayer() *player {
	p := &player{journal: newJournal(), client: netip.MustParseAddrPort("198.51.100.242:5062")}
	for _, a := range []string{"10.0.0.2", "10.0.0.3", "10.0.0.4"} {
		p.members = append(p.members, netip.AddrPortFrom(netip.MustParseAddr(a), 5060))
	}
	p.follow("phone", p.client)
	return p
}

func (p *player) asks(member int, method, id string, cseq int, proof string) {
	text := fmt.Sprintf("%s sip:example.com SIP/2.0\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", method, id, cseq, method)
	if proof != "" {
		text += fmt.Sprintf("Authorization: Digest realm=\"example.com\", cnonce=\"x\", nonce=\"n\", username=\"%s\"\r\n", proof)
	}
	p.note(datagram{p.client, p.members[member], []byte(text + "\r\n")})
}

func (p *player) says(member int, status int, method, id string, cseq int) {
	text := fmt.Sprintf("SIP/2.0 %d What\r\nCall-ID: %s\r\nCSeq: %d %s\r\n\r\n", status, id, cseq, method)
	p.note(datagram{p.members[member], p.client, []byte(text)})
}

// call is one whose challenge another member sees the answer to.
func (p *player) call(id string) {
	p.asks(0, "INVITE", id, 1, "")
	p.says(0, 407, "INVITE", id, 1)
	p.asks(1, "ACK", id, 1, "")
	p.asks(1, "INVITE", id, 2, "alice")
	p.says(1, 100, "INVITE", id, 2)
	p.says(1, 200, "INVITE", id, 2)
	p.asks(2, "ACK", id, 2, "")
	p.asks(2, "BYE", id, 3, "")
	p.says(2, 200, "BYE", id, 3)
}

// good is a client that registered and called once.
func (p *player) good() {
	p.asks(0, "REGISTER", "r", 1, "")
	p.asks(1, "REGISTER", "r", 1, "") // once more, as no answer had come
	p.says(0, 401, "REGISTER", "r", 1)
	p.says(1, 401, "REGISTER", "r", 1)
	p.asks(2, "REGISTER", "r", 2, "alice")
	p.says(2, 200, "REGISTER", "r", 2)
	p.call("c")
}

// TestJournalTells: what came of what a client wanted, and what of it is a problem.
func TestJournalTells(t *testing.T) {
	for name, c := range map[string]struct {
		more func(p *player)
		want string // in the problems; empty: none
	}{
		"all went well":               {func(*player) {}, ""},
		"one more challenge":          {func(p *player) { p.asks(0, "REGISTER", "r", 3, "alice"); p.says(0, 401, "REGISTER", "r", 3) }, ""},
		"an answer late and repeated": {func(p *player) { p.says(0, 503, "REGISTER", "r", 2) }, ""},
		"somebody else": {func(p *player) {
			p.note(datagram{p.members[0], p.members[1], []byte("BYE sip:a\r\nCall-ID: x\r\nCSeq: 1 BYE\r\n")})
		}, ""},
		"no message": {func(p *player) { p.note(datagram{p.client, p.members[0], []byte("\r\n\r\n")}) }, ""},
		"two more challenges": {func(p *player) {
			for n := 3; n < 5; n++ {
				p.asks(0, "REGISTER", "r", n, "alice")
				p.says(0, 401, "REGISTER", "r", n)
			}
		}, "challenged too often"},
		"challenges of what has no credentials": {func(p *player) {
			for n := 3; n < 7; n++ {
				p.asks(0, "REGISTER", "r", n, "")
				p.says(0, 401, "REGISTER", "r", n)
			}
		}, ""},
		"a refusal":                              {func(p *player) { p.asks(0, "REGISTER", "r", 3, "alice"); p.says(0, 403, "REGISTER", "r", 3) }, "REGISTER was answered 403"},
		"the end of a call that another gave up": {func(p *player) { p.asks(0, "BYE", "in", 7, ""); p.says(0, 481, "BYE", "in", 7) }, ""},
		"the end of a call that nobody knows":    {func(p *player) { p.asks(0, "BYE", "c", 4, ""); p.says(0, 481, "BYE", "c", 4) }, "BYE was answered 481"},
		"no answer":                              {func(p *player) { p.asks(0, "REGISTER", "r", 3, "alice") }, "nobody answered"},
		"no final answer":                        {func(p *player) { p.asks(0, "INVITE", "d", 1, "alice"); p.says(0, 100, "INVITE", "d", 1) }, "nobody answered"},
		"a proxy that died at it": {func(p *player) {
			p.asks(0, "INVITE", "d", 1, "alice")
			p.says(0, 100, "INVITE", "d", 1)
			p.lost(p.members[0].Addr(), time.Now())
		}, ""},
		"a proxy that had died before": {func(p *player) {
			p.lost(p.members[0].Addr(), time.Now())
			p.asks(0, "INVITE", "d", 1, "alice")
			p.says(0, 100, "INVITE", "d", 1)
		}, "nobody answered"},
		"a call that goes on": {func(p *player) { p.asks(0, "INVITE", "d", 1, "alice"); p.says(0, 200, "INVITE", "d", 1) }, "did not hang up"},
	} {
		p := newPlayer()
		p.good()
		c.more(p)
		problems := strings.Join(p.tallies()[0].problems(3), "\n")
		if c.want == "" && problems != "" || !strings.Contains(problems, c.want) {
			t.Errorf("%s: problems %q, want %q", name, problems, c.want)
		}
	}
}

func TestJournalCounts(t *testing.T) {
	p := newPlayer()
	if problems := p.tallies()[0].problems(3); len(problems) < 2 {
		t.Errorf("of a client that did nothing: %q", problems)
	}
	p.good()
	p.asks(2, "REGISTER", "x", 1, "alice") // and nothing says that it died
	p.says(1, 200, "REGISTER", "x", 1)
	p.lost(p.members[2].Addr(), time.Now())
	p.call("d") // whose BYE that member answers, as it is back
	p.asks(2, "REGISTER", "y", 1, "alice")
	p.asks(0, "REGISTER", "y", 1, "alice")
	p.says(0, 200, "REGISTER", "y", 1)
	const want = "phone registered 3 times, made 2 calls and hung up 2, 0 lost, 0 died with the proxy that was at it; " +
		"challenged 3 times, and 0 times though it had sent credentials; 3 challenges were answered at another proxy; " +
		"1 requests went to the proxy that was dead and were answered by another when sent again; 4, 5, 7 requests by proxy"
	got := p.tallies()[0]
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.asks(0, "INVITE", "e", 1, "alice")
	p.says(0, 200, "INVITE", "e", 1)
	if got := p.acked(p.client); got != 2 {
		t.Errorf("%d calls were acknowledged, want 2", got)
	}
	a, b, c := p.members[0].Addr(), p.members[1].Addr(), p.members[2].Addr()
	if err := p.everywhere([]string{"alice"}, []netip.Addr{b, c}); err != nil {
		t.Error(err)
	}
	if err := p.everywhere([]string{"alice"}, []netip.Addr{a, b, c}); err != nil {
		t.Error(err)
	}
	if err := p.everywhere([]string{"bob"}, []netip.Addr{a}); err == nil {
		t.Error("bob was not let in there")
	}
	if got := p.register(p.client); !strings.HasPrefix(got, "REGISTER ") || !strings.Contains(got, `username="alice"`) {
		t.Errorf("the last REGISTER was %q", got)
	}
	p.anew()
	if err := p.everywhere([]string{"alice"}, []netip.Addr{b}); err == nil {
		t.Error("nobody was let in since")
	}
}

func TestProvingIn(t *testing.T) {
	for _, text := range []string{
		"INVITE sip:b SIP/2.0\r\nProxy-Authorization: Digest username=\"a\",realm=\"r\",cnonce=\"c\",nc=00000001,nonce=\"n\"\r\n",
		"REGISTER sip:b SIP/2.0\r\nAuthorization: Digest realm=\"r\", cnonce=\"c\", nonce=\"n\", username=\"a\"\r\n",
	} {
		if user := provingIn(text); user != "a" {
			t.Errorf("user %q in %q", user, text)
		}
	}
	if user := provingIn("BYE sip:b SIP/2.0\r\n"); user != "" {
		t.Errorf("user %q of nobody", user)
	}
}

func TestForgedRegister(t *testing.T) {
	const was = "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.242:5062;branch=z9hG4bK1;rport\r\n" +
		"From: <sip:desk@example.com>;tag=a\r\nContact: <sip:desk-0x1@198.51.100.242:5062>;expires=30\r\nCall-ID: abc\r\nCSeq: 12 REGISTER\r\n" +
		"Authorization: Digest username=\"desk\", nc=00000001\r\n\r\n"
	got := forged(was)
	for _, want := range []string{
		"Contact: <sip:thief@198.51.100.242:5062>;expires=30\r\n", "\r\nCSeq: 10000 REGISTER\r\n", "From: <sip:desk@example.com>;tag=a\r\n",
		"username=\"desk\", nc=00000001\r\n\r\n", ";rport\r\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not contain %q", got, want)
		}
	}
	for _, not := range []string{"Call-ID: abc\r", "branch=z9hG4bK1;"} {
		if strings.Contains(got, not) {
			t.Errorf("%q contains %q", got, not)
		}
	}
}
