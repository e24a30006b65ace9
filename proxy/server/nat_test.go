package server

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
)

// nat is what stands between a phone and the cluster: it lets in only what comes from an
// address and port that the phone has sent to, and whatever the phone sends to comes to one
// member, as by a load balancer, until that sends it to another one. The phone's socket is its
// outside, and what the phone says of itself is an address inside.
type nat struct {
	mu      sync.Mutex
	member  netip.AddrPort
	open    map[netip.AddrPort]bool
	refused int
}

func newPhoneBehindNAT(t testing.TB, user string, x *proxy) *phone {
	t.Helper()
	p := newPhone(t, user)
	p.nat = &nat{}
	p.addr = netip.MustParseAddrPort("10.1.2.3:5060")
	p.movesTo(x)
	return p
}

// movesTo has what the phone sends come to another member, and forgets what it has sent.
func (p *phone) movesTo(x *proxy) {
	p.nat.mu.Lock()
	defer p.nat.mu.Unlock()
	p.nat.member, p.nat.open = x.addr, map[netip.AddrPort]bool{}
}

func (n *nat) opens(netip.AddrPort) netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[n.member] = true
	return n.member
}

func (n *nat) lets(from netip.AddrPort) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.open[from] {
		n.refused++
	}
	return n.open[from]
}

// outside is where the phone's datagrams come from.
func (p *phone) outside() netip.AddrPort {
	return netip.MustParseAddrPort(p.conn.LocalAddr().String())
}

func notStun(data []byte) bool { return len(data) > 0 && data[0] > 3 }

const stunBinding = "\x00\x01\x00\x00\x21\x12\xa4\x42abcdefghijkl"

// keepAlives are what phones send to keep a translation.
var keepAlives = map[string]func(p *phone, x *proxy){
	"CRLF":         func(p *phone, x *proxy) { p.sendRaw(x.addr, []byte("\r\n")) },
	"double CRLF":  func(p *phone, x *proxy) { p.sendRaw(x.addr, []byte("\r\n\r\n")) },
	"STUN":         func(p *phone, x *proxy) { p.sendRaw(x.addr, []byte(stunBinding)) },
	"NULs":         func(p *phone, x *proxy) { p.sendRaw(x.addr, []byte{0, 0, 0, 0}) },
	"nothing":      func(p *phone, x *proxy) { p.sendRaw(x.addr, nil) },
	"a stray line": func(p *phone, x *proxy) { p.sendRaw(x.addr, []byte("Cirpack KeepAlive Packet")) },
	"OPTIONS": func(p *phone, x *proxy) {
		d := &dialog{p: p, callID: unique("opt"), local: "<sip:" + p.user + "@example.com>;tag=1", remote: "<sip:example.com>"}
		p.sendRaw(x.addr, []byte(d.head("OPTIONS", "sip:example.com", unique("z9hG4bK"), 1)+"Content-Length: 0\r\n\r\n"))
		p.status(200)
	},
	"REGISTER": func(p *phone, x *proxy) { p.register(x) },
	"a response": func(p *phone, x *proxy) {
		p.sendRaw(x.addr, []byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"))
	},
}

// owner is who owns the flow of the one binding of a user.
func (m *memory) owner(t testing.TB, aor string) (o forward.Owner) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for b := range m.records[aor].Live(time.Now().UnixMilli()) {
		o = ownerOf(b.Flow)
	}
	return o
}

// ownedBy waits until a member owns the flow of the one binding of a user.
func (x *proxy) ownedBy(t testing.TB, aor string) {
	t.Helper()
	for end := time.Now().Add(patience); x.mem.owner(t, aor) != x.owner(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%v owns the flow of %s, not %v", x.mem.owner(t, aor), aor, x.owner())
		}
	}
}

const bobAOR = "sip:bob@example.com"

// natted is a cluster of three with alice, and bob behind a NAT that lets the first in.
func natted(t *testing.T, options ...func(*proxyOptions)) (x []*proxy, alice, bob *phone) {
	t.Helper()
	x = startCluster(t, 3, options...)
	alice, bob = newPhone(t, "alice"), newPhoneBehindNAT(t, "bob", x[0])
	bob.register(x[0])
	x[0].ownedBy(t, bobAOR)
	return x, alice, bob
}

// callee answers a call from alice that comes, and hangs up.
func (p *phone) isCalled(t *testing.T, d *dialog) {
	t.Helper()
	talks(t, d, p, p.request("INVITE"))
}

// Any member takes a call for a phone behind NAT, and the one that its packets come to sends it.
func TestNATCallByWayOfAnotherMember(t *testing.T) {
	t.Parallel()
	x, alice, bob := natted(t)
	for i := range x {
		bob.isCalled(t, alice.ring(x[i].addr, bobAOR))
	}
	if n := bob.nat.refused; n > 0 {
		t.Errorf("%d datagrams did not come through the NAT", n)
	}
	if x[1].metrics.relayed.Load() == 0 || x[0].metrics.relayed.Load() != 0 {
		t.Error("handed over in vain, or not at all")
	}
}

// Whatever the phone sends next tells the member that it comes to that it reaches the phone.
func TestNATNextPacketClaimsTheFlow(t *testing.T) {
	t.Parallel()
	for name, packet := range keepAlives {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, alice, bob := natted(t)
			x[0].kill()
			missing(t, x[2], 1)
			before := bob.contactsExpire(t, x[1])
			bob.movesTo(x[2])
			packet(bob, x[2])
			x[2].ownedBy(t, bobAOR)
			if after := bob.contactsExpire(t, x[1]); name != "REGISTER" && after > before {
				t.Errorf("the binding lasts until %d, and did until %d", after, before)
			}
			bob.isCalled(t, alice.ring(x[1].addr, bobAOR))
			if n := bob.nat.refused; n > 0 {
				t.Errorf("%d datagrams did not come through the NAT", n)
			}
		})
	}
}

// contactsExpire is when the one binding of the phone ends.
func (p *phone) contactsExpire(t *testing.T, x *proxy) (at int64) {
	t.Helper()
	x.mem.mu.Lock()
	defer x.mem.mu.Unlock()
	n := 0
	for b := range x.mem.records[bobAOR].Live(time.Now().UnixMilli()) {
		at = b.ExpiresAt
		n++
	}
	if n != 1 {
		t.Fatalf("%d bindings", n)
	}
	return at
}

// missing waits until a member waits for packets over so many flows.
func missing(t testing.TB, x *proxy, n int64) {
	t.Helper()
	for end := time.Now().Add(patience); x.away.len(x.now()) != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d flows are waited for, want %d", x.away.len(x.now()), n)
		}
	}
}

// A call that comes while nobody reaches the phone waits for its next packet.
func TestNATCallWaitsForTheNextPacket(t *testing.T) {
	t.Parallel()
	for _, other := range []bool{false, true} { // the call is at the member that the packet comes to, or at another one
		x, alice, bob := natted(t)
		x[0].kill()
		at := x[2]
		if other {
			at = x[1]
		}
		d := alice.ring(at.addr, bobAOR)
		alice.status(100)
		alice.status(182)
		at.waits(t, 1)
		missing(t, x[2], 1)
		bob.movesTo(x[2])
		bob.sendRaw(x[2].addr, []byte("\r\n\r\n"))
		bob.isCalled(t, d)
		at.waited(t, waitDelivered)
	}
}

// A call that has left for the phone, and that nobody has answered, goes to it again by way of
// the next member, in the same branch.
func TestNATCallThatHasLeftIsSentAgain(t *testing.T) {
	t.Parallel()
	x, alice, bob := natted(t)
	d := alice.ring(x[1].addr, bobAOR)
	first := bob.request("INVITE")
	alice.status(100)
	x[0].kill()
	x[1].waits(t, 1)
	missing(t, x[2], 1)
	bob.movesTo(x[2])
	bob.sendRaw(x[2].addr, []byte("\r\n\r\n"))
	bob.forget()
	again := bob.request("INVITE")
	if via(t, first) != via(t, again) {
		t.Errorf("another branch:\n%s\n%s", first.Raw, again.Raw)
	}
	bob.reply(again, 180, "Ringing", "b1")
	alice.status(182)
	alice.status(180)
	talks(t, d, bob, again)
}

// Within a dialog either end is found again by its next packet, be it the caller or the callee
// that is behind NAT, and a request for it waits until then.
func TestNATDialogFindsTheNextMember(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ natCaller, early bool }{
		"callee": {}, "caller": {natCaller: true}, "callee, has sent before": {early: true}, "caller, has sent before": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startCluster(t, 3)
			alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
			nats, other := bob, alice
			if tt.natCaller {
				alice = newPhoneBehindNAT(t, "alice", x[0]) // who has not registered
				nats, other = alice, bob
			} else {
				bob = newPhoneBehindNAT(t, "bob", x[0])
				nats = bob
			}
			bob.register(x[0])
			caller, callee := establish(t, x[0], alice, bob)
			to, from := callee, caller
			if tt.natCaller {
				to, from = caller, callee
			}
			x[0].kill()
			nats.movesTo(x[2])
			from.proxy, to.proxy = x[1].addr, x[1].addr
			packet := func() {
				missing(t, x[2], 1)
				nats.sendRaw(x[2].addr, []byte("\r\n\r\n"))
			}
			if tt.early && !tt.natCaller {
				packet()
				x[2].ownedBy(t, bobAOR)
			}
			from.send("INFO")
			if !tt.early || tt.natCaller {
				x[1].waits(t, 1)
				packet()
			}
			nats.reply(nats.request("INFO"), 200, "OK", "")
			other.status(200)
			from.send("BYE") // known by now
			nats.reply(nats.request("BYE"), 200, "OK", "")
			other.status(200)
			to.send("INFO")
			other.reply(other.request("INFO"), 200, "OK", "")
			nats.status(200)
			if n := nats.nat.refused; n > 0 {
				t.Errorf("%d datagrams did not come through the NAT", n)
			}
		})
	}
}

// A phone that rings when its member dies, with that of the call or another one, rings on: its
// answer finds the caller, and a CANCEL or an ACK finds the phone.
func TestNATPhoneThatRings(t *testing.T) {
	t.Parallel()
	for name, cancelled := range map[string]bool{"answers": false, "is cancelled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, alice, bob := natted(t, func(o *proxyOptions) { o.timers.T1 = 200 * time.Millisecond })
			d := alice.ring(x[1].addr, bobAOR)
			invite := bob.request("INVITE")
			bob.reply(invite, 180, "Ringing", "b1")
			alice.status(180)
			x[0].kill()
			missing(t, x[2], 1)
			bob.movesTo(x[2])
			if !cancelled {
				talks(t, d, bob, invite)
				return
			}
			d.cancel()
			alice.status(200)
			alice.quiet(300 * time.Millisecond)
			bob.sendRaw(x[2].addr, []byte("\r\n\r\n"))
			bob.reply(bob.request("CANCEL"), 200, "OK", "b1")
			bob.reply(invite, 487, "Request Terminated", "b1")
			bob.request("ACK")
			d.ackFailure(alice.status(487))
		})
	}
}

// A packet over the flow of another phone, from another port or address or at another listener,
// claims nothing.
func TestNATForgedClaims(t *testing.T) {
	t.Parallel()
	x, alice, bob := natted(t)
	x[0].kill()
	missing(t, x[2], 1)
	at := bob.outside()
	for name, f := range map[string]flow.Flow{
		"another port":     {Remote: netip.AddrPortFrom(at.Addr(), at.Port()^1)},
		"another address":  {Remote: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.9"), at.Port())},
		"another listener": {Remote: at, Listener: 5070},
		"TCP":              {Remote: at, Transport: flow.TCP, Conn: 1, Owner: 3, Life: x[2].life},
	} {
		x[2].Message(f, []byte("\r\n\r\n"))
		if x[2].claims.open > 0 || x[2].away.len(x[2].now()) != 1 {
			t.Errorf("%s: claimed", name)
		}
	}
	// One that is forged in all that a packet shows moves the flow to where the phone is not.
	// The phone's own next packet takes it back.
	x[2].Message(flow.Flow{Remote: at}, []byte("\r\n\r\n"))
	x[2].ownedBy(t, bobAOR)
	missing(t, x[1], 1)
	bob.movesTo(x[1])
	for end := time.Now().Add(patience); x[1].mem.owner(t, bobAOR) != x[1].owner() && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		bob.sendRaw(x[1].addr, []byte("\r\n\r\n"))
	}
	x[1].ownedBy(t, bobAOR)
	bob.isCalled(t, alice.ring(x[2].addr, bobAOR))
}

// Who hears late that the first owner was missed, when another member has the flow already, claims
// it of the wrong one. The phone's next packet does so of the right one.
func TestNATClaimOfAnEarlierOwner(t *testing.T) {
	t.Parallel()
	x, alice, bob := natted(t)
	x[0].kill()
	missing(t, x[1], 1)
	missing(t, x[2], 1)
	x[2].Message(flow.Flow{Remote: bob.outside()}, []byte("\r\n\r\n"))
	x[2].ownedBy(t, bobAOR)
	missing(t, x[1], 1)
	x[1].HandleAway([]cluster.Away{{Flow: flow.Flow{Remote: bob.outside(), Owner: 1, Life: x[0].life}, AOR: []byte(bobAOR)}})
	bob.movesTo(x[1])
	for end := time.Now().Add(patience); x[1].mem.owner(t, bobAOR) != x[1].owner() && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		bob.sendRaw(x[1].addr, []byte("\r\n\r\n"))
	}
	x[1].ownedBy(t, bobAOR)
	bob.isCalled(t, alice.ring(x[2].addr, bobAOR))
}

// A member that leaves is reached through until it has gone, and what comes to another one
// meanwhile moves the flow at once.
func TestNATMemberThatLeaves(t *testing.T) {
	t.Parallel()
	x, alice, bob := natted(t)
	x[1].HandleAway([]cluster.Away{{Flow: flow.Flow{Remote: bob.outside(), Owner: 1, Life: x[0].life}, AOR: []byte(bobAOR)}})
	missing(t, x[2], 1)
	bob.isCalled(t, alice.ring(x[1].addr, bobAOR))
	bob.sendRaw(x[0].addr, []byte("\r\n\r\n"))
	bob.movesTo(x[2])
	bob.sendRaw(x[2].addr, []byte("\r\n\r\n"))
	x[2].ownedBy(t, bobAOR)
	x[0].kill()
	bob.isCalled(t, alice.ring(x[1].addr, bobAOR))
}

// Two phones behind one NAT are two flows.
func TestNATTwoPhonesOfOneAddress(t *testing.T) {
	t.Parallel()
	x, alice, bob := natted(t)
	carol := newPhoneBehindNAT(t, "carol", x[0])
	carol.register(x[0])
	x[0].kill()
	missing(t, x[1], 2)
	missing(t, x[2], 2)
	bob.movesTo(x[1])
	carol.movesTo(x[2])
	bob.sendRaw(x[1].addr, []byte("\r\n\r\n"))
	carol.sendRaw(x[2].addr, []byte("\r\n\r\n"))
	x[1].ownedBy(t, bobAOR)
	x[2].ownedBy(t, "sip:carol@example.com")
	carol.isCalled(t, alice.ring(x[1].addr, "sip:carol@example.com"))
	bob.isCalled(t, alice.ring(x[2].addr, bobAOR))
}

// A load balancer that spreads anew has the packets of a phone come to another member, while the
// one that has its flow lives. What nobody answers has the phone's next packet waited for.
func TestNATFlowThatMovesWithoutADeath(t *testing.T) {
	t.Parallel()
	x, alice, bob := natted(t, func(o *proxyOptions) { o.timers.T1 = 200 * time.Millisecond })
	bob.movesTo(x[2])
	d := alice.ring(x[1].addr, bobAOR)
	missing(t, x[2], 1)
	bob.sendRaw(x[2].addr, []byte("\r\n\r\n"))
	bob.isCalled(t, d)
}

// The configuration says whose flows are owned.
func TestNATUDPFlowsOfAListener(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		mode             string
		shared           bool
		natted, straight bool // are owned
	}{
		"default": {"", false, true, false}, "Auto": {config.UDPFlowsAuto, false, true, false},
		"Auto, one address": {config.UDPFlowsAuto, true, false, false}, "Any": {config.UDPFlowsAny, false, false, false},
		"Owned": {config.UDPFlowsOwned, false, true, true}, "Owned, one address": {config.UDPFlowsOwned, true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startProxy(t, func(o *proxyOptions) {
				o.shared = tt.shared
				o.config.Listeners = []config.Listener{{Name: "phones", Protocol: config.ProtocolUDP, Port: 5060, UDPFlows: tt.mode}}
			})
			bob, carol := newPhoneBehindNAT(t, "bob", x), newPhone(t, "carol")
			bob.register(x)
			carol.register(x)
			if got := x.mem.owner(t, bobAOR).ID != 0; got != tt.natted {
				t.Errorf("of a phone behind NAT: %v", got)
			}
			if got := x.mem.owner(t, "sip:carol@example.com").ID != 0; got != tt.straight {
				t.Errorf("of a phone behind none: %v", got)
			}
		})
	}
}

// Packets from sources that nobody waits for have no effect, and take no memory.
func TestNATFloodOfKeepAlives(t *testing.T) {
	x, _, bob := natted(t)
	x[0].kill()
	missing(t, x[2], 1)
	data := []byte("\r\n\r\n")
	n := 0
	forged := func() {
		n++
		x[2].Message(flow.Flow{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(n >> 8), byte(n)}), uint16(n))}, data)
	}
	if allocs := testing.AllocsPerRun(10_000, forged); allocs != 0 && !raceDetector {
		t.Errorf("%v allocations a packet", allocs)
	}
	if x[2].away.len(x[2].now()) != 1 || x[2].owned.len(x[2].now()) != 0 {
		t.Error("a flood of packets is remembered")
	}
	bob.movesTo(x[2])
	bob.sendRaw(x[2].addr, data)
	x[2].ownedBy(t, bobAOR)
}

// value is that of a metric without labels.
func (x *proxy) value(t *testing.T, name string) float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(x.Metrics())
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

func TestNATMetrics(t *testing.T) {
	t.Parallel()
	x, _, bob := natted(t)
	const owned, awaited = "sipring_proxy_owned_udp_flows", "sipring_proxy_awaited_udp_flows"
	if x[0].value(t, owned) != 1 || x[2].value(t, owned) != 0 {
		t.Error("whose flow it is")
	}
	x[0].kill()
	missing(t, x[2], 1)
	if n := x[2].value(t, awaited); n != 1 {
		t.Errorf("%v are awaited", n)
	}
	bob.movesTo(x[2])
	bob.sendRaw(x[2].addr, []byte("\r\n"))
	x[2].ownedBy(t, bobAOR)
	counted(t, "claims", x[2].metrics.claims[claimTaken].Load, 1)
	if x[2].value(t, owned) != 1 || x[2].value(t, awaited) != 0 || x[1].value(t, awaited) != 1 {
		t.Error("whose flow it is by now")
	}
	x[1].claim(x[1].now(), sourceOf(flow.OverUDP(bob.outside())), absent{owner: forward.Owner{ID: 1, Life: 77}, aor: bobAOR})
	counted(t, "late claims", x[1].metrics.claims[claimLate].Load, 1)
	x[1].mem.mu.Lock()
	x[1].mem.down = true
	x[1].mem.mu.Unlock()
	x[1].claim(x[1].now(), sourceOf(flow.OverUDP(bob.outside())), absent{owner: x[2].owner(), aor: bobAOR})
	counted(t, "failed claims", x[1].metrics.claims[claimFailed].Load, 1)
	x[1].claims.open = maxClaims
	x[1].claim(x[1].now(), sourceOf(flow.OverUDP(bob.outside())), absent{owner: x[2].owner(), aor: bobAOR})
	counted(t, "claims beyond the bound", x[1].metrics.claims[claimNoRoom].Load, 1)
}

// A caller behind NAT whose member dies while it is rung for hears of the answer by way of the
// member that its next packet comes to: at once if that has come before, and if nobody has waited
// for it, since the caller has not registered, as the answer is repeated.
func TestNATAnswerForACallerWhoseMemberHasDied(t *testing.T) {
	t.Parallel()
	for name, registered := range map[string]bool{"registered": true, "a stranger": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := startCluster(t, 3)
			alice, bob := newPhoneBehindNAT(t, "alice", x[0]), newPhone(t, "bob")
			bob.register(x[1])
			if registered {
				alice.register(x[0])
			}
			d := alice.ring(x[0].addr, bobAOR)
			invite := bob.request("INVITE")
			bob.reply(invite, 180, "Ringing", "b1")
			alice.status(180)
			x[0].kill()
			invite.from = x[1].addr // where the network takes what is for the cluster
			alice.movesTo(x[2])
			answer := func() { bob.reply(invite, 200, "OK", "b1", "Contact: <"+bob.contact()+">") }
			if !registered {
				answer()
			}
			missing(t, x[2], 1)
			alice.sendRaw(x[2].addr, []byte("\r\n\r\n"))
			counted(t, "claims", x[2].metrics.claims[claimTaken].Load, 1)
			counted(t, "known takeovers", func() uint64 {
				f := flow.Flow{Remote: alice.outside(), Owner: 1, Life: x[0].life}
				if x[1].dead(f) {
					return 0
				}
				return 1
			}, 1)
			answer()
			ok := alice.status(200)
			if ok.from != x[2].addr {
				t.Errorf("came from %s", ok.from)
			}
			d.answered(ok)
			d.ack()
			bob.request("ACK")
			callee := bob.callee(invite, "b1")
			callee.send("BYE")
			alice.reply(alice.request("BYE"), 200, "OK", "")
			bob.status(200)
		})
	}
}

// Nobody takes a flow that its owner has, and that nobody misses, by saying so.
func TestNATMemberThatSaysWhatIsNotSo(t *testing.T) {
	t.Parallel()
	x, alice, bob := natted(t)
	k := sourceOf(flow.OverUDP(bob.outside()))
	for name, payload := range map[string][]byte{
		"of a flow that lives":      takenFrame(k, x[0].owner(), x[2].owner()),
		"in the name of another":    takenFrame(k, x[0].owner(), x[1].owner()),
		"cut short":                 takenFrame(k, x[0].owner(), x[2].owner())[:20],
		"of a flow that leads away": append([]byte{1, 2, 3}, make([]byte, 30)...),
	} {
		x[1].HandleFrame(3, frameTaken, payload)
		if f := k.flow(x[0].owner()); x[1].ownerNow(f) != f {
			t.Errorf("%s: believed", name)
		}
	}
	for _, payload := range [][]byte{appendAway(nil, k.flow(x[2].owner()), []byte(bobAOR))[:20], {9}, append(appendAway(nil, k.flow(x[2].owner()), nil), 1)} {
		before := x[1].metrics.dropped[dropPeerFrame].Load()
		if x[1].HandleFrame(3, frameAway, payload); x[1].metrics.dropped[dropPeerFrame].Load() != before+1 {
			t.Errorf("%x is no fault", payload)
		}
	}
	bob.isCalled(t, alice.ring(x[1].addr, bobAOR))
}

// What is waited for in vain is let go of, also where nothing else goes on.
func TestNATWaitsNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	for i := range 100 {
		f := flow.Flow{Remote: netip.AddrPortFrom(netip.MustParseAddr("198.51.100.1"), uint16(i+1)), Owner: 7, Life: 7}
		x[0].away.add(x[0].now(), sourceOf(f), absent{owner: ownerOf(f), aor: bobAOR, until: x[0].now() + 50})
	}
	x[0].nudge()
	for end := time.Now().Add(patience); x[0].away.count.Load() > 0 || x[0].away.bytes.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d flows with %d bytes are waited for", x[0].away.count.Load(), x[0].away.bytes.Load())
		}
	}
}

// There is room for so many, and so much.
func TestNATRoomToWaitIsBounded(t *testing.T) {
	t.Parallel()
	var a away
	k := func(i int) source {
		return source{at: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, byte(i >> 16), byte(i >> 8)}), uint16(i<<8|1)), listener: uint16(i)}
	}
	refused := 0
	for i := range 2 * maxAway {
		if !a.add(0, k(i), absent{aor: "sip:a@b", until: 10}) {
			refused++
		}
	}
	if n := a.count.Load(); n > maxAway || int(n)+refused != 2*maxAway || n < maxAway/2 {
		t.Errorf("%d are waited for, %d refused", n, refused)
	}
	if !a.add(20+awayTick, k(2*maxAway+1), absent{until: 30 + awayTick}) {
		t.Error("what is over takes the room")
	}
	var b away
	long := string(make([]byte, 2048))
	for i := range maxAway {
		b.add(0, k(i), absent{aor: long, until: 10})
	}
	if n := b.bytes.Load(); n > maxAwayBytes || n < maxAwayBytes/2 {
		t.Errorf("%d bytes", n)
	}
	if b.len(10); b.bytes.Load() != 0 || b.count.Load() != 0 {
		t.Errorf("%d flows with %d bytes when all is over", b.count.Load(), b.bytes.Load())
	}
	var o owned
	for i := range 2 * maxOwned {
		o.add(k(i), 0, 10)
	}
	if n := o.count.Load(); n > maxOwned || n < maxOwned/2 || o.len(10) != 0 {
		t.Errorf("%d sources are noted, and %d when all is over", n, o.len(10))
	}
}

// Of a flow over UDP a phone is told that it is kept if it is by way of that that it is called.
func TestRFC5626_6_OutboundOverUDP(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1)[0]
	for _, behind := range []bool{true, false} {
		bob := newPhone(t, "bob")
		if behind {
			bob = newPhoneBehindNAT(t, "bob", x)
		}
		bob.sendRaw(x.addr, bob.registerText(unique("reg"), 1, "Supported: outbound, path", "Contact: <"+bob.contact()+`>;+sip.instance="<urn:uuid:1>";reg-id=1`))
		ok := bob.status(200)
		if got := strings.Contains(string(ok.Raw), "Require: outbound\r\nFlow-Timer: 25\r\n"); got != behind {
			t.Errorf("behind NAT %v: told so %v\n%s", behind, got, ok.Raw)
		}
	}
}

// A member sends for another one to phones that are reached through it, and to nobody else.
func TestNATDatagramsForOthers(t *testing.T) {
	t.Parallel()
	x, _, bob := natted(t)
	victim := newPhone(t, "victim")
	data := []byte("OPTIONS sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 1\r\n\r\n")
	for _, to := range []netip.AddrPort{victim.addr, bob.outside(), netip.AddrPortFrom(bob.outside().Addr(), 0)} {
		x[0].HandleFrame(2, frameSend, append(flow.Append(nil, flow.OverUDP(to)), data...))
	}
	bob.request("OPTIONS")
	if n := x[0].metrics.lostFlow.Load(); n != 1 {
		t.Errorf("%d are for nobody here", n)
	}
	victim.quiet(20 * time.Millisecond)
}

// A call that rings over UDP alone takes no room from those that may be stranded.
func TestNATCallThatRingsIsNotKept(t *testing.T) {
	t.Parallel()
	x, alice, bob := natted(t)
	d := alice.ring(x[1].addr, bobAOR)
	invite := bob.request("INVITE")
	counted(t, "requests are kept", func() uint64 { x[1].lost.mu.Lock(); defer x[1].lost.mu.Unlock(); return uint64(x[1].lost.sent) }, 1)
	bob.reply(invite, 180, "Ringing", "b1")
	alice.status(180)
	x[1].keepsNothing(t)
	talks(t, d, bob, invite)
}
