package server

import (
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/wire"
)

// RFC 3261 8.2.7: what is refused leaves nothing behind, is answered the same at
// any pod, and its ACK ends there.
func TestRFC3261_8_2_7_RefusedInvite(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2, repeats)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	for name, c := range map[string]struct {
		aor   string
		extra string
		want  int
	}{
		"unknown domain":     {"sip:bob@elsewhere.example", "Subject: x", 404},
		"unregistered":       {"sip:nobody@example.com", "Subject: x", 480},
		"extension":          {"sip:bob@example.com", "Proxy-Require: x", 420},
		"no breadth":         {"sip:bob@example.com", "Max-Breadth: 0", 400},
		"foreign route":      {"sip:bob@example.com", "Route: <sip:192.0.2.1;lr>", 403},
		"unsupported scheme": {"sips:bob@example.com", "Subject: x", 480},
	} {
		d := alice.ring(x[0].addr, c.aor, c.extra)
		first := alice.receive(patience)
		alice.sendRaw(x[1].addr, []byte(d.lastInviteText))
		second := alice.receive(patience)
		if first == nil || second == nil || first.StatusCode() != c.want || string(first.Raw) != string(second.Raw) {
			t.Errorf("%s: %v, then at another pod %v, want %d", name, first, second, c.want)
			continue
		}
		d.ackFailure(first)
		d.proxy = x[1].addr
		d.ackFailure(second)
	}
	alice.quiet(timerG)
	bob.quiet(time.Millisecond)
	for _, p := range x {
		if n := p.Transactions(); n != 0 {
			t.Errorf("%d transactions are held", n)
		}
		if n := p.metrics.toOwner.Load() + p.metrics.dropped[dropAck].Load(); n != 0 {
			t.Errorf("%d ACKs went on", n)
		}
	}
}

// What is under way stays so, whatever would be decided now.
func TestRetransmissionOfWhatWouldBeRefusedNow(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	d := alice.ring(x.addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 180, "Ringing", "b")
	alice.status(180)
	other := *x.config.Load()
	other.Domains = []string{"example.org"}
	x.Reconfigure(&other)
	alice.forget()
	alice.sendRaw(x.addr, []byte(d.lastInviteText))
	alice.status(180)
	bob.reply(invite, 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))
	if alice.ring(x.addr, "sip:bob@example.com"); alice.status(404).value(wire.HeaderTo) == "" {
		t.Error("no To")
	}
}
