package server

import (
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
)

// expects waits until a member lets those first come from where a phone was.
func (x *proxy) expects(t *testing.T, p *phone) {
	t.Helper()
	for end := time.Now().Add(patience); !x.layer.Expects(p.addr.Addr()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("nobody is expected from where %s was", p.user)
		}
	}
}

// Every member lets those in first for whom something waits: a call, a request within one,
// or one that rings.
func TestWhoIsWaitedForIsExpected(t *testing.T) {
	t.Parallel()
	for name, waits := range map[string]func(t *testing.T, x []*proxy, alice, bob *phone){
		"a call": func(_ *testing.T, x []*proxy, alice, bob *phone) {
			_ = bob.over.Close()
			alice.ring(x[1].addr, "sip:bob@example.com")
		},
		"within a dialog": func(t *testing.T, x []*proxy, alice, bob *phone) {
			caller, _ := establish(t, x[1], alice, bob)
			_ = bob.over.Close()
			caller.send("INFO")
		},
		"a call that rings": func(_ *testing.T, x []*proxy, alice, bob *phone) {
			alice.ring(x[1].addr, "sip:bob@example.com")
			bob.reply(bob.request("INVITE"), 180, "Ringing", "b1")
			alice.status(180)
			_ = bob.over.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startCluster(t, 3, everyTransport)
			alice, bob := newPhone(t, "alice"), newPhoneOver(t, flow.TCP, "bob", x[0])
			bob.register(x[0])
			for _, p := range x {
				if p.layer.Expects(bob.addr.Addr()) {
					t.Error("expected though nobody waits")
				}
			}
			waits(t, x, alice, bob)
			for _, p := range x[1:] {
				p.expects(t, bob)
			}
		})
	}
}

// What other members say of where phones were is theirs to say, and is read with care.
func TestMalformedExpectations(t *testing.T) {
	t.Parallel()
	x := startProxy(t, everyTransport)
	for _, payload := range [][]byte{{0xff}, flow.Append(nil, flow.OverUDP(x.addr))} {
		before := x.metrics.dropped[dropPeerFrame].Load()
		x.HandleFrame(2, frameExpect, payload)
		if x.metrics.dropped[dropPeerFrame].Load() == before || x.layer.Expects(x.addr.Addr()) {
			t.Errorf("%x is taken", payload)
		}
	}
}

// usedUp takes all of a budget for a minute.
func (p pool) usedUp() {
	for at := time.Now(); p.all.Allow(60_000, everybody, 1) && time.Since(at) < patience; {
	}
}

// Phones that come back are strangers to the member that they come to. Over a connection
// nothing is forged, and what is over UDP leaves those their share.
func TestForgedSourcesLeaveConnectionsTheirShare(t *testing.T) {
	t.Parallel()
	x := startProxy(t, everyTransport)
	x.limits.strangers.begun.usedUp()
	newPhoneOver(t, flow.TCP, "alice", x).register(x)
}

// All phones of a source that may have connections are let in at once, on one core as well.
func TestPhonesOfOneSourceComeBackAtOnce(t *testing.T) {
	l, now := newStrangers(1), int64(0)
	most := new(config.ConnectionLimits).WithDefaults().PerSource
	for i := range most {
		if !l.connected.allow(now, forged(0), 1) {
			t.Fatalf("%d of %d phones are let in", i, most)
		}
	}
}

// Beyond the share phones are sent away, but for those for whom something waits, at the
// member that they come to or at another.
func TestWhoIsWaitedForIsLetIn(t *testing.T) {
	t.Parallel()
	for name, to := range map[string]int{"where it waits": 1, "elsewhere": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, _, bob, _ := bobIsAway(t)
			x[to].expects(t, bob) // has heard of it
			x[to].limits.strangers.connected.usedUp()
			dave := newPhoneOver(t, flow.TCP, "dave", x[to])
			dave.sendRaw(x[to].addr, dave.registerText(unique("reg"), 1, "Contact: <"+dave.contact()+">"))
			dave.status(503)
			bob.connect(flow.TCP, x[to])
			bob.register(x[to])
			bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
			bob.request("ACK")
		})
	}
}
