package server

import (
	"bytes"
	"fmt"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/wire"
)

// What phones that take unknown parameters from a Via leave of ours.
var strippers = map[string]*regexp.Regexp{
	"owner and hop": regexp.MustCompile(`;[oh]=[^;,\r]*`),
	"owner":         regexp.MustCompile(`;o=[^;,\r]*`),
	"hop":           regexp.MustCompile(`;h=[^;,\r]*`),
}

// replyStripped answers through another pod, our Via changed.
func (p *phone) replyStripped(to netip.AddrPort, invite *received, without *regexp.Regexp, status int, reason string, extra ...string) {
	p.t.Helper()
	text := wire.AppendResponseWith(nil, &invite.Message, status, reason, &wire.ResponseOptions{
		ToTag: []byte("b"), RecordRoute: true, Extra: []byte(lines(extra)),
	})
	p.sendRaw(to, without.ReplaceAll(text, nil))
}

func TestResponseWithoutOurViaParameters(t *testing.T) {
	t.Parallel()
	for name, without := range strippers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startCluster(t, 3, repeats)
			alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
			bob.register(x[0])
			d := alice.ring(x[0].addr, "sip:bob@example.com")
			invite := bob.request("INVITE")
			alice.status(100)
			bob.replyStripped(x[1].addr, invite, without, 180, "Ringing")
			ringing := alice.status(180)
			bob.replyStripped(x[1].addr, invite, without, 486, "Busy Here")
			bob.request("ACK") // which the owner alone can make
			final := alice.receive(patience)
			for final != nil && bytes.Equal(final.Raw, ringing.Raw) { // also sent on by the hop alone
				final = alice.receive(patience)
			}
			if final == nil || final.StatusCode() != 486 {
				t.Fatalf("%v, want 486", final)
			}
			d.ackFailure(final)
			alice.quiet(timerG, final, ringing) // the hop's copy of ringing may be the last
			if n := x[2].metrics.fromPeer.Load(); n != 0 {
				t.Errorf("a pod without the transaction took %d responses", n)
			}
		})
	}
}

// Nobody knows the transaction any more, and nothing proves where the response
// goes: it goes nowhere, from no pod.
func TestResponseThatNobodyKnowsIsNotReflected(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 3)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	alice.ring(x[0].addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	alice.status(100)
	x[0].kill()
	bob.replyStripped(x[1].addr, invite, strippers["owner and hop"], 200, "OK", "Contact: <"+bob.contact()+">")
	alice.quiet(100 * time.Millisecond)
	// With the hop, and the owner taken away, it goes on from where it came in.
	bob.replyStripped(x[1].addr, invite, strippers["owner"], 200, "OK", "Contact: <"+bob.contact()+">")
	if r := alice.status(200); r.from != x[1].addr {
		t.Errorf("200 from %s", r.from)
	}
	alice.quiet(50 * time.Millisecond)
}

func TestOffersAreLimited(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, mallory := newPhone(t, "alice"), newPhone(t, "bob")
	mallory.register(x[0])
	alice.ring(x[0].addr, "sip:bob@example.com")
	invite := mallory.request("INVITE")
	alice.status(100)
	x[0].mem.mu.Lock()
	before := x[0].mem.frames
	x[0].mem.mu.Unlock()
	large := fmt.Sprintf("X-Large: %0*d", maxOffer, 0)
	mallory.replyStripped(x[1].addr, invite, strippers["owner and hop"], 180, "Ringing", large)
	const n = 2000
	began, sent := time.Now(), x[1].layer.Stats().Received
	for range n {
		mallory.replyStripped(x[1].addr, invite, strippers["owner and hop"], 100, "Trying")
	}
	upTo(int(sent)+n, func() uint64 { return x[1].layer.Stats().Received })
	x[0].mem.mu.Lock()
	defer x[0].mem.mu.Unlock()
	seconds := int(time.Since(began)/time.Second) + 2 // begun ones
	if offered := x[0].mem.frames - before; offered == 0 || offered > maxAsks*seconds {
		t.Errorf("%d responses were offered in less than %d s", offered, seconds)
	}
}

// RFC 3261 17: an ACK has no response. One that is made up goes nowhere.
func TestResponseToAnAckIsDropped(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	d := alice.ring(x.addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 200, "OK", "b", "Contact: <"+bob.contact()+">")
	d.answered(alice.status(200))
	d.ack()
	ack := bob.request("ACK")
	bob.reply(ack, 200, "OK", "")
	bob.reply(ack, 481, "Call/Transaction Does Not Exist", "")
	d.send("BYE")
	bob.reply(bob.request("BYE"), 200, "OK", "")
	if r := alice.status(200); string(r.CSeqMethodBytes()) != "BYE" { // nothing came before
		t.Errorf("200 to %s", r.CSeqMethodBytes())
	}
	if n := x.metrics.dropped[dropStray].Load(); n != 2 {
		t.Errorf("%d responses dropped", n)
	}
}
