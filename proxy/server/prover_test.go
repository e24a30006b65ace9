package server

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/digest"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// asking is a request for bob that is of no dialog, from the phone's user.
func (p *phone) asking(method string, extra ...string) string {
	return fmt.Sprintf("%s sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=%s\r\nMax-Forwards: 70\r\nFrom: <sip:%s@example.com>;tag=%s\r\n"+
		"To: <sip:bob@example.com>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nContact: <%s>\r\n%sContent-Length: 4\r\n\r\nbody",
		method, p.addr, unique("z9hG4bKp"), p.user, unique("t"), unique("p"), method, p.contact(), lines(extra))
}

// proved are methods whose requests are of no dialog, and authenticated.
var proved = []string{"MESSAGE", "INVITE", "OPTIONS", "SUBSCRIBE", "BYE", "PUBLISH"}

// TestRFC7616_3_4_CallUsesANonceCountOnce: what somebody has seen of a request is good for no
// other one, at any member, whoever that says to be; the user goes on with the nonce.
func TestRFC7616_3_4_CallUsesANonceCountOnce(t *testing.T) {
	t.Parallel()
	for _, method := range proved {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			mem, u := newMemory(), &users{aors: map[string][]string{"alice": {"sip:sales@example.com", "tel:+12015550123"}}}
			x := []*proxy{startMember(t, mem, 1, guard(t, u, nil)), startMember(t, mem, 2, guard(t, u, nil))}
			alice, bob, mallory := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "alice")
			bob.registerAs(x[0], bob.account())
			alice.sendRaw(x[0].addr, []byte(alice.asking(method)))
			challenge, a := alice.status(407), alice.account()
			line := a.proof(t, challenge, method, "sip:bob@example.com")
			alice.sendRaw(x[1].addr, []byte(alice.asking(method, line)))
			bob.reply(bob.request(method), 486, "Busy Here", "b")
			alice.status(486)
			if method == "INVITE" {
				bob.request("ACK")
			}
			for name, change := range map[string]*strings.Replacer{
				"of its own":               strings.NewReplacer(),
				"with another body":        strings.NewReplacer("body", "evil"),
				"from another address":     strings.NewReplacer("From: <sip:alice@", "From: <sip:sales@"),
				"from a number":            strings.NewReplacer("From: <sip:alice@example.com>", "From: <tel:+12015550123>"),
				"from nobody":              strings.NewReplacer("From: <sip:alice@example.com>", "From: <sip:anonymous@anonymous.invalid>"),
				"from another user":        strings.NewReplacer("From: <sip:alice@", "From: <sip:bob@"),
				"with a Contact of theirs": strings.NewReplacer("Contact: <sip:alice@", "Contact: <sip:mallory@"),
			} {
				for i, member := range x {
					mallory.sendRaw(member.addr, []byte(change.Replace(mallory.asking(method, line))))
					want := 407
					if name == "from another user" {
						want = 403
					}
					if r := mallory.status(want); want == 407 && !bytes.Contains(r.Raw, []byte("stale=true")) {
						t.Errorf("%s, member %d: no new nonce is asked for:\n%s", name, i+1, r.Raw)
					}
				}
			}
			bob.quiet(5 * time.Millisecond)
			alice.sendRaw(x[0].addr, []byte(alice.asking(method, a.proof(t, challenge, method, "sip:bob@example.com"))))
			bob.reply(bob.request(method), 486, "Busy Here", "c")
			alice.status(486)
		})
	}
}

// TestRefusedCallUsesUpItsCredentials: they were right, and would be for what is let in.
func TestRefusedCallUsesUpItsCredentials(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]*strings.Replacer{
		"says to be another user":  strings.NewReplacer("From: <sip:alice@", "From: <sip:bob@"),
		"has a Route to elsewhere": strings.NewReplacer("Max-Forwards: 70\r\n", "Max-Forwards: 70\r\nRoute: <sip:192.0.2.1;lr>\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startProxy(t, guard(t, &users{}, nil))
			alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
			bob.registerAs(x, bob.account())
			alice.sendRaw(x.addr, []byte(alice.asking("MESSAGE")))
			line := alice.account().proof(t, alice.status(407), "MESSAGE", "sip:bob@example.com")
			alice.sendRaw(x.addr, []byte(change.Replace(alice.asking("MESSAGE", line))))
			if r := alice.news(); r == nil || r.StatusCode() < 400 || r.StatusCode() == 407 {
				t.Fatal("it is not refused")
			}
			alice.sendRaw(x.addr, []byte(alice.asking("MESSAGE", line)))
			alice.status(407)
			bob.quiet(5 * time.Millisecond)
		})
	}
}

// TestOneCallTooManyUsesUpItsCredentials, which would be good for another one once there is
// room for it.
func TestOneCallTooManyUsesUpItsCredentials(t *testing.T) {
	t.Parallel()
	x := startProxy(t, guard(t, &users{}, func(a *config.Authentication) { a.Calls.InSetup = 1 }))
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.registerAs(x, bob.account())
	alice.sendRaw(x.addr, []byte(alice.asking("INVITE")))
	challenge, a := alice.status(407), alice.account()
	alice.sendRaw(x.addr, []byte(alice.asking("INVITE", a.proof(t, challenge, "INVITE", "sip:bob@example.com"))))
	first := bob.request("INVITE")
	bob.reply(first, 180, "Ringing", "b")
	alice.status(180)
	line := a.proof(t, challenge, "INVITE", "sip:bob@example.com")
	alice.sendRaw(x.addr, []byte(alice.asking("INVITE", line)))
	alice.status(480)
	bob.reply(first, 486, "Busy Here", "b")
	alice.status(486)
	bob.request("ACK")
	alice.sendRaw(x.addr, []byte(alice.asking("INVITE", line)))
	alice.status(407)
	bob.quiet(5 * time.Millisecond)
}

// TestRetransmissionIsAnsweredAsTheFirst, with credentials that are used up by the first: at
// the member that took that, and at another one, by way of the far end if need be.
func TestRetransmissionIsAnsweredAsTheFirst(t *testing.T) {
	t.Parallel()
	for _, method := range proved {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			mem, u := newMemory(), &users{}
			x := []*proxy{startMember(t, mem, 1, guard(t, u, nil)), startMember(t, mem, 2, guard(t, u, nil))}
			alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
			bob.registerAs(x[0], bob.account())
			alice.sendRaw(x[0].addr, []byte(alice.asking(method)))
			text := alice.asking(method, alice.account().proof(t, alice.status(407), method, "sip:bob@example.com"))
			alice.sendRaw(x[0].addr, []byte(text))
			first := bob.request(method)
			status := 200
			if method == "INVITE" {
				status = 180 // of a call that goes on
			}
			bob.reply(first, status, "Fine", "b")
			alice.status(status)
			alice.forget()
			alice.sendRaw(x[0].addr, []byte(text))
			alice.status(status)
			bob.quiet(5 * time.Millisecond)
			alice.forget()
			alice.sendRaw(x[1].addr, []byte(text))
			again := bob.request(method)
			if branchOf(again) != branchOf(first) {
				t.Errorf("at another member it is another request:\n%s\n%s", first.Raw, again.Raw)
			}
			bob.reply(again, status, "Fine", "b")
			if to := alice.status(status).value(wire.HeaderTo); !strings.HasSuffix(to, ";tag=b") {
				t.Errorf("the answer is not bob's: To %s", to)
			}
		})
	}
	t.Run("REGISTER", func(t *testing.T) {
		t.Parallel()
		mem, u := newMemory(), &users{}
		x := []*proxy{startMember(t, mem, 1, guard(t, u, nil)), startMember(t, mem, 2, guard(t, u, nil))}
		alice := newPhone(t, "alice")
		contact := "Contact: <" + alice.contact() + ">"
		alice.sendRaw(x[0].addr, alice.registerText("c", 1, contact))
		text := alice.registerText("c", 2, contact, alice.account().proof(t, alice.status(401), "REGISTER", "sip:example.com"))
		for _, member := range []*proxy{x[0], x[0], x[1]} {
			alice.forget()
			alice.sendRaw(member.addr, text)
			if got := alice.status(200).values(wire.HeaderContact); len(got) != 1 {
				t.Errorf("bound are %q", got)
			}
		}
	})
}

// TestCallWaitsForItsProof: nothing leaves before the caller's home has said that what the
// call proves is new, whichever of the two that it asks answers first.
func TestCallWaitsForItsProof(t *testing.T) {
	t.Parallel()
	mem := newMemory()
	x := startMember(t, mem, 1, guard(t, &users{}, nil))
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.registerAs(x, bob.account())
	alice.sendRaw(x.addr, []byte(alice.asking("MESSAGE")))
	challenge, a := alice.status(407), alice.account()
	for _, last := range []int{0, 1} {
		resume := mem.pause()
		alice.sendRaw(x.addr, []byte(alice.asking("MESSAGE", a.proof(t, challenge, "MESSAGE", "sip:bob@example.com"))))
		mem.waiting(t, 2)
		mem.mu.Lock()
		first := mem.held[1-last]
		mem.held = mem.held[last : last+1]
		mem.mu.Unlock()
		first()
		bob.quiet(5 * time.Millisecond)
		resume()
		bob.reply(bob.request("MESSAGE"), 200, "OK", "b")
		alice.status(200)
	}
	mem.mu.Lock()
	mem.down = true
	mem.mu.Unlock()
	alice.sendRaw(x.addr, []byte(alice.asking("MESSAGE", a.proof(t, challenge, "MESSAGE", "sip:bob@example.com"))))
	alice.status(503)
	bob.quiet(5 * time.Millisecond)
}

// TestCallForAContactUsesItsProof, whose target is found in other ways than by one lookup.
func TestCallForAContactUsesItsProof(t *testing.T) {
	t.Parallel()
	mem, u := newMemory(), &users{}
	x := []*proxy{startMember(t, mem, 1, guard(t, u, nil)), startMember(t, mem, 2, guard(t, u, nil))}
	for _, name := range []string{"bob", "x7f3a-9"} { // of the user's name, and of another
		alice, bob := newPhone(t, "alice"), newPhone(t, name)
		contact := "Contact: <" + bob.contact() + ">"
		bob.user = "bob"
		bob.sendRaw(x[0].addr, bob.registerText(unique("c"), 1, contact))
		line := bob.account().proof(t, bob.status(401), "REGISTER", "sip:example.com")
		bob.sendRaw(x[0].addr, bob.registerText(unique("c"), 2, contact, line))
		bob.status(200)
		uri := contact[len("Contact: <") : len(contact)-1]
		ask := func(extra ...string) []byte {
			return []byte(strings.Replace(alice.asking("MESSAGE", extra...), "MESSAGE sip:bob@example.com", "MESSAGE "+uri, 1))
		}
		alice.sendRaw(x[0].addr, ask())
		challenge, a := alice.status(407), alice.account()
		for range 2 {
			line = a.proof(t, challenge, "MESSAGE", uri)
			alice.sendRaw(x[0].addr, ask(line))
			bob.reply(bob.request("MESSAGE"), 200, "OK", "b")
			alice.status(200)
			for _, member := range x {
				alice.sendRaw(member.addr, ask(line))
				alice.status(407)
			}
			bob.quiet(5 * time.Millisecond)
		}
	}
}

// TestProofOfACallAllocatesNothing beyond what the call does, here one to nobody, once as many
// are remembered of the user as there is room for.
func TestProofOfACallAllocatesNothing(t *testing.T) {
	const warm, measured = 5000, 1000
	s, sink := startGuarded(t), newPhone(t, "sink")
	ask := func(n int, extra string) []byte {
		return fmt.Appendf(nil, "MESSAGE sip:nobody@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=%d\r\n"+
			"To: <sip:nobody@example.com>\r\nCall-ID: alloc%d\r\nCSeq: 1 MESSAGE\r\n%sContent-Length: 4\r\n\r\nbody", sink.addr, n, n, n, extra)
	}
	s.Message(flow.OverUDP(sink.addr), ask(0, ""))
	var c digest.Challenge
	if err := digest.ParseChallenge([]byte(sink.status(407).values(wire.HeaderProxyAuthenticate)[0]), &c); err != nil {
		t.Fatal(err)
	}
	var texts [][]byte
	for n := range 1 + warm + measured {
		texts = append(texts, ask(n+1, string(digest.AppendAuthorization(nil, &c, &digest.Proof{
			Proxy: true, Username: []byte("alice"), HA1: make([]byte, c.Algorithm.Size()), Method: []byte("MESSAGE"), URI: []byte("sip:nobody@example.com"), CNonce: []byte("c"), Count: uint32(n + 1),
		}))))
	}
	next := 0
	send := func() {
		s.Message(flow.OverUDP(sink.addr), texts[next])
		next++
	}
	for range warm {
		send()
	}
	allocations := testing.AllocsPerRun(measured, send)
	if got := s.metrics.made(480) + s.metrics.made(404); got != uint64(next) {
		t.Fatalf("%d of %d are answered", got, next)
	}
	if allocations > 0 && !raceDetector {
		t.Errorf("%v allocations", allocations)
	}
}
