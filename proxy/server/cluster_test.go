package server

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// startCluster starts n proxies that share their memory and advertise a name.
func startCluster(t *testing.T, n int, options ...func(*proxyOptions)) []*proxy {
	t.Helper()
	mem := newMemory()
	var out []*proxy
	for i := range n {
		out = append(out, startMember(t, mem, uint32(i+1), options...))
	}
	return out
}

func startMember(t *testing.T, mem *memory, id uint32, options ...func(*proxyOptions)) *proxy {
	t.Helper()
	return startProxy(t, append(options, func(o *proxyOptions) {
		o.mem, o.self = mem, id
		o.set = &config.MemberSet{Epoch: 1, Advertise: "sip.cluster.example"}
	})...)
}

// kill ends a member without a word: nobody answers at its address any more.
func (x *proxy) kill() {
	x.mem.leave(x.self)
	_ = x.layer.Close()
}

func TestRFC3261_16_6_4_RecordRouteNamesTheCluster(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 3)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	for _, p := range x {
		d := alice.ring(p.addr, "sip:bob@example.com")
		invite := bob.request("INVITE")
		route, via := invite.values(wire.HeaderRecordRoute)[0], invite.values(wire.HeaderVia)[0]
		if !strings.HasSuffix(route, "@sip.cluster.example:5060;lr>") || !strings.Contains(via, "UDP sip.cluster.example:5060;") {
			t.Errorf("Record-Route %s\nVia %s", route, via)
		}
		if bytes.Contains(invite.Raw, []byte(p.addr.String())) {
			t.Errorf("the pod's address %s is in the message:\n%s", p.addr, invite.Raw)
		}
		bob.reply(invite, 486, "Busy Here", "b")
		bob.request("ACK")
		d.ackFailure(alice.status(486))
	}
}

func TestInDialogThroughAnyPod(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 3)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	caller, callee := establish(t, x[0], alice, bob)
	x[0].kill()
	for _, p := range x[1:] {
		caller.proxy, callee.proxy = p.addr, p.addr
		caller.send("INFO")
		bob.reply(bob.request("INFO"), 200, "OK", "")
		alice.status(200)
		callee.send("INFO")
		alice.reply(alice.request("INFO"), 200, "OK", "")
		bob.status(200)
	}
	callee.send("BYE")
	alice.reply(alice.request("BYE"), 200, "OK", "")
	bob.status(200)
}

func TestRFC3261_16_11_RetransmissionAtAnotherPodIsNoSecondCall(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	d := alice.ring(x[0].addr, "sip:bob@example.com")
	first := bob.request("INVITE")
	alice.sendRaw(x[1].addr, []byte(d.lastInviteText))
	second := bob.request("INVITE")
	a, _ := first.TopVia()
	b, _ := second.TopVia()
	if !bytes.Equal(a.Branch(), b.Branch()) || !bytes.Equal(a.Host, b.Host) || a.Port != b.Port {
		t.Errorf("the far end sees two transactions:\n%s\n%s", first.values(wire.HeaderVia)[0], second.values(wire.HeaderVia)[0])
	}
	bob.reply(first, 486, "Busy Here", "b")
	bob.request("ACK")
	d.ackFailure(alice.status(486))
}

func TestResponseAtAnotherPodReachesItsOwner(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	d := alice.ring(x[0].addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	invite.from = x[1].addr
	bob.reply(invite, 180, "Ringing", "b")
	alice.status(180)
	bob.reply(invite, 486, "Busy Here", "b")
	final := alice.status(486)
	if final.from != x[0].addr {
		t.Errorf("the response came from %s, not from the owner %s", final.from, x[0].addr)
	}
	ack := bob.request("ACK") // only the owner can make it
	if ack.from != x[0].addr {
		t.Errorf("the ACK came from %s", ack.from)
	}
	d.ackFailure(final)
}

func TestResponseToADeadPodIsForwardedBySurvivors(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	d := alice.ring(x[0].addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	alice.status(100)
	x[0].kill()
	invite.from = x[1].addr
	bob.reply(invite, 180, "Ringing", "b", "Contact: <"+bob.contact()+">")
	if r := alice.status(180); r.from != x[1].addr || len(r.values(wire.HeaderVia)) != 1 {
		t.Errorf("180 from %s with Via %q", r.from, r.values(wire.HeaderVia))
	}
	bob.reply(invite, 200, "OK", "b", "Contact: <"+bob.contact()+">")
	d.answered(alice.status(200))
	d.proxy = x[1].addr
	d.ack()
	bob.request("ACK")
	d.send("BYE")
	bob.reply(bob.request("BYE"), 200, "OK", "")
	alice.status(200)
}

// RFC 4475 3.3.10: a Via that the far end has changed leads to no broadcast.
func TestResponseGoesToOneHostOrNowhere(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	alice.ring(x[0].addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	alice.status(100)
	x[0].kill()
	hosts := []string{"255.255.255.255", "224.0.1.75", "0.0.0.0", "[ff02::1]", "[::ffff:255.255.255.255]"}
	for _, host := range hosts {
		vias := strings.Join([]string{invite.values(wire.HeaderVia)[0], "SIP/2.0/UDP " + host + ";branch=z9hG4bK1saber23"}, ", ")
		bob.sendRaw(x[1].addr, []byte("SIP/2.0 200 OK\r\nVia: "+vias+"\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"+
			"Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"))
	}
	counted(t, "without a destination", x[1].metrics.dropped[dropNoDestination].Load, len(hosts))
}

// Whoever is called sees a branch of ours and may put any Via below it.
func TestAlteredViaBelowOursLeadsNowhere(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, mallory, victim := newPhone(t, "alice"), newPhone(t, "bob"), newPhone(t, "victim")
	mallory.register(x[0])
	alice.ring(x[0].addr, "sip:bob@example.com")
	invite := mallory.request("INVITE")
	alice.status(100)
	x[0].kill()
	own, next := invite.values(wire.HeaderVia)[0], invite.values(wire.HeaderVia)[1]
	vias := [][2]string{
		{own, "SIP/2.0/UDP " + victim.addr.String() + ";branch=z9hG4bK1"},
		{own, fmt.Sprintf("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;received=127.0.0.1;rport=%d", victim.addr.Port())},
		{strings.Split(own, ";h=")[0], next},
	}
	for _, v := range vias {
		mallory.sendRaw(x[1].addr, []byte("SIP/2.0 200 OK\r\nVia: "+v[0]+", "+v[1]+"\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"+
			"Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"))
	}
	counted(t, "with an altered hop", x[1].metrics.dropped[dropHop].Load, len(vias))
	invite.from = x[1].addr
	mallory.reply(invite, 486, "Busy Here", "b")
	alice.status(486)
	victim.quiet(20 * time.Millisecond)
}

func TestResponseToARestartedPodIsForwarded(t *testing.T) {
	t.Parallel()
	mem := newMemory()
	one := startMember(t, mem, 1)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(one)
	alice.ring(one.addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	alice.status(100)
	one.kill()
	again := startMember(t, mem, 1)
	invite.from = again.addr
	bob.reply(invite, 180, "Ringing", "b")
	alice.status(180)
}

func TestRFC6026_7_3_LateResponseIsNotForwarded(t *testing.T) {
	t.Parallel()
	x := startProxy(t, func(o *proxyOptions) { o.timers.T1, o.timers.T4 = 50*time.Millisecond, 50*time.Millisecond })
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	caller, _ := establish(t, x, alice, bob)
	caller.send("INFO")
	info := bob.request("INFO")
	bob.reply(info, 200, "OK", "")
	alice.status(200)
	for deadline := time.Now().Add(patience); x.Transactions() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d transactions never end", x.Transactions())
		}
	}
	bob.reply(info, 200, "OK", "")
	counted(t, "late", x.metrics.dropped[dropLate].Load, 1)
	alice.quiet(100 * time.Millisecond)
}

func TestRFC3261_16_10_CancelAtAnotherPod(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	d := alice.ring(x[0].addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 180, "Ringing", "b")
	alice.status(180)
	x[0].kill()
	d.proxy = x[1].addr
	d.cancel()
	cancel := bob.request("CANCEL")
	a, _ := invite.TopVia()
	b, _ := cancel.TopVia()
	if !bytes.Equal(a.Branch(), b.Branch()) || !bytes.Equal(a.Host, b.Host) {
		t.Errorf("the CANCEL does not match:\n%s\n%s", invite.values(wire.HeaderVia)[0], cancel.values(wire.HeaderVia)[0])
	}
	bob.reply(cancel, 200, "OK", "b")
	if r := alice.status(200); string(r.CSeqMethodBytes()) != "CANCEL" {
		t.Errorf("200 to %s", r.CSeqMethodBytes())
	}
	invite.from = x[1].addr
	bob.reply(invite, 487, "Request Terminated", "b")
	d.ackFailure(alice.status(487))
	ack := bob.request("ACK")
	c, _ := ack.TopVia()
	if !bytes.Equal(a.Branch(), c.Branch()) {
		t.Errorf("the ACK does not match:\n%s", ack.values(wire.HeaderVia)[0])
	}
}

// The INVITE's owner has sent no CANCEL of its own, and may be where the far end
// sends the answer to another's.
func TestAnswerToACancelOfAnotherPodIsPassedOn(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	d := alice.ring(x[0].addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 180, "Ringing", "b")
	alice.status(180)
	d.proxy = x[1].addr
	d.cancel()
	cancel := bob.request("CANCEL")
	cancel.from = x[0].addr
	bob.reply(cancel, 200, "OK", "b")
	if r := alice.status(200); string(r.CSeqMethodBytes()) != "CANCEL" {
		t.Errorf("200 to %s", r.CSeqMethodBytes())
	}
	bob.reply(invite, 487, "Request Terminated", "b")
	d.ackFailure(alice.status(487))
}

// RFC 3261 16.7 step 3: without another Via a response is for nobody beyond us.
func TestResponseWithOurViaAloneGoesNoFurther(t *testing.T) {
	t.Parallel()
	x := startProxy(t)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x)
	d := alice.ring(x.addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	alice.status(100)
	for _, method := range []string{"INVITE", "CANCEL"} {
		bob.sendRaw(x.addr, []byte("SIP/2.0 200 OK\r\nVia: "+invite.values(wire.HeaderVia)[0]+"\r\nFrom: "+d.local+"\r\nTo: <sip:bob@example.com>;tag=2\r\n"+
			"Call-ID: "+d.callID+"\r\nCSeq: 1 "+method+"\r\n\r\n"))
	}
	bob.reply(invite, 486, "Busy Here", "b")
	d.ackFailure(alice.status(486)) // nothing came before
	if n := x.metrics.dropped[dropStray].Load(); n != 1 {
		t.Errorf("%d responses dropped", n)
	}
}

// The INVITE was sent by a pod that has the new key but signs with the old one,
// the CANCEL goes through one that signs with the new one: the second step of a
// rotation.
func TestCancelAtAnotherPodThatSignsWithAnotherKey(t *testing.T) {
	t.Parallel()
	mem := newMemory()
	start := func(self uint32, ids ...byte) *proxy {
		var keys []token.Key
		for _, id := range ids {
			keys = append(keys, token.Key{ID: id, Secret: [32]byte{id, 2, 3}})
		}
		k, err := token.NewKeys(keys)
		if err != nil {
			t.Fatal(err)
		}
		return startProxy(t, func(o *proxyOptions) {
			o.mem, o.self, o.keys = mem, self, k
			o.set = &config.MemberSet{Epoch: 1, Advertise: "sip.cluster.example"}
		})
	}
	before, after := start(1, 1, 2), start(2, 2, 1)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(before)
	d := alice.ring(before.addr, "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 180, "Ringing", "b")
	alice.status(180)
	before.kill()
	d.proxy = after.addr
	d.cancel()
	want, _ := invite.TopVia()
	matches := 0
	for range 2 {
		if via, _ := bob.request("CANCEL").TopVia(); bytes.Equal(via.Branch(), want.Branch()) {
			matches++
		}
	}
	if matches != 1 {
		t.Errorf("%d CANCELs match the INVITE", matches)
	}
}

// A failure is repeated by the pod that sent it (RFC 3261 17.2.1, Timer G) until
// its ACK comes, at whatever pod.
func TestRFC3261_17_1_1_3_AckOfAFailureAtAnotherPod(t *testing.T) {
	t.Parallel()
	mem, x := newMemory(), make([]*proxy, 3)
	for i := range x {
		x[i] = startMember(t, mem, uint32(i+1), anyContact, repeats, func(o *proxyOptions) { o.lookup = resolveTo("0.0.0.0") })
	}
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	bob.registerAt(x[0], "sip:named@example.com", "sip:bob@phone.example")
	acks := 0
	for name, aor := range map[string]string{"made here, after a 100": "sip:named@example.com", "passed on": "sip:bob@example.com"} {
		d := alice.ring(x[0].addr, aor)
		status := 480
		if aor == "sip:bob@example.com" {
			status = 486
			bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
			bob.request("ACK")
		}
		final := alice.status(status)
		d.proxy = x[1].addr
		acks++
		d.ackFailure(final)
		counted(t, "from a peer: the ACK of what is "+name, x[0].metrics.fromPeer.Load, acks)
		alice.quiet(timerG)
	}
	if n := x[2].metrics.fromPeer.Load(); n != 0 {
		t.Errorf("a pod without the transaction took %d ACKs", n)
	}
}

// TestAckOfA2xxIsNobodysHere: an ACK within a dialog costs the others nothing.
func TestAckOfA2xxIsNobodysHere(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[0])
	establish(t, x[0], alice, bob)
	x[0].mem.mu.Lock()
	defer x[0].mem.mu.Unlock()
	if n := x[0].mem.frames; n != 0 {
		t.Errorf("%d frames to other members", n)
	}
}

func TestOthersAreAskedAtALimitedRate(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	mallory := newPhone(t, "mallory")
	const n = 2000
	began := time.Now()
	for i := range n {
		mallory.sendRaw(x[0].addr, []byte(fmt.Sprintf("ACK sip:nobody@example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d\r\n"+
			"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: c\r\nCSeq: 1 ACK\r\n\r\n", mallory.addr, i)))
	}
	upTo(n, x[0].metrics.requests[wire.MethodAck].Load)
	x[0].mem.mu.Lock()
	defer x[0].mem.mu.Unlock()
	seconds := int(time.Since(began)/time.Second) + 2 // begun ones
	if asked := x[0].mem.frames; asked == 0 || asked > maxAsks*seconds {
		t.Errorf("%d ACKs were offered to others in less than %d s", asked, seconds)
	}
}

func TestRFC3581_CallerAndCalleeBehindNAT(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	nat := func(p *phone, text []byte) []byte { // what the phone believes its address to be
		return bytes.ReplaceAll(text, []byte(p.addr.String()), []byte("192.168.7.7:5060"))
	}
	bob.sendRaw(x[0].addr, nat(bob, bob.registerText("c", 1, "Contact: <"+bob.contact()+">")))
	bob.status(200)
	d := &dialog{p: alice, proxy: x[0].addr, callID: unique("call"), inviteCSeq: 1, local: "<sip:alice@example.com>;tag=a", remote: "<sip:bob@example.com>", cseq: 1}
	alice.sendRaw(x[0].addr, nat(alice, []byte(d.head("INVITE", "sip:bob@example.com", unique("z9hG4bK"), 1)+
		"Contact: <"+alice.contact()+">\r\nContent-Length: 0\r\n\r\n")))
	invite := bob.request("INVITE")
	if got := string(invite.RequestURI()); got != "sip:bob@192.168.7.7:5060" {
		t.Errorf("Request-URI %s", got)
	}
	bob.reply(invite, 200, "OK", "b", "Contact: <sip:bob@192.168.7.7:5060>")
	d.answered(alice.status(200))
	callee := bob.callee(invite, "b")
	d.proxy, callee.proxy = x[1].addr, x[1].addr
	d.ack()
	bob.request("ACK")
	callee.send("INFO")
	alice.reply(alice.request("INFO"), 200, "OK", "")
	bob.status(200)
	d.send("BYE")
	bob.reply(bob.request("BYE"), 200, "OK", "")
	alice.status(200)
}

func TestNoOpenRelay(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 1)[0]
	alice, victim, bob := newPhone(t, "alice"), newPhone(t, "victim"), newPhone(t, "bob")
	bob.register(x)
	caller, _ := establish(t, x, alice, bob)
	token := caller.routes[0]
	forged := strings.Replace(token, "sip:", "sip:A", 1)
	flipped := []byte(token)
	flipped[20] ^= 1
	for name, c := range map[string]struct {
		uri, route string
		want       int
	}{
		"no route":                       {victim.contact(), "", 404},
		"route to the victim":            {"sip:bob@example.com", "<sip:" + victim.addr.String() + ";lr>", 403},
		"route to us, then the victim":   {"sip:bob@example.com", "<sip:sip.cluster.example;lr>, <sip:" + victim.addr.String() + ";lr>", 403},
		"longer token":                   {victim.contact(), forged, 403},
		"flipped bit":                    {victim.contact(), string(flipped), 403},
		"no token":                       {victim.contact(), "<sip:sip.cluster.example;lr>", 404},
		"token as a strict route, alone": {strings.Trim(token, "<>"), "", 404},
	} {
		route := ""
		if c.route != "" {
			route = "Route: " + c.route + "\r\n"
		}
		alice.sendRaw(x.addr, []byte(fmt.Sprintf("BYE %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s\r\n%sFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"+
			"Call-ID: %s\r\nCSeq: 1 BYE\r\n\r\n", c.uri, alice.addr, unique("z9hG4bK"), route, unique("r"))))
		r := alice.receive(patience)
		if r == nil || r.StatusCode() != c.want {
			t.Errorf("%s: %v, want %d", name, r, c.want)
		}
	}
	victim.quiet(100 * time.Millisecond)
}

func TestForgedResponsesGoNowhere(t *testing.T) {
	t.Parallel()
	x := startCluster(t, 2)
	mallory, victim := newPhone(t, "mallory"), newPhone(t, "victim")
	for _, branch := range []string{"z9hG4bKxyz", "", "z9hG4bK" + strings.Repeat("A", 36)} {
		mallory.sendRaw(x[0].addr, []byte(fmt.Sprintf("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP sip.cluster.example:5060;branch=%s;o=1-0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK1\r\n"+
			"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n", branch, victim.addr)))
	}
	counted(t, "forged", func() uint64 {
		return x[0].metrics.dropped[dropStray].Load() + x[0].metrics.dropped[dropMalformed].Load()
	}, 3)
	victim.quiet(100 * time.Millisecond)
}
