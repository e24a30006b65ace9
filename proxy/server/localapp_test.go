package server

import (
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// Ports of applications and of their proxies, at the loopback of each pod.
const (
	appPort      = 25080
	appProxyPort = 25060
)

// knownApps is what a test has the members know of applications.
type knownApps struct {
	mu      sync.Mutex
	own     map[uint32]*application.Local
	refused map[uint32]int
	deaf    bool // a refusal does not eject
}

// join has one more member know all that the others do.
func (k *knownApps) join(member uint32, app *application.Local) {
	k.mu.Lock()
	k.own[member] = app
	k.mu.Unlock()
	app.Tell(func(s application.State) {
		if s != application.Down { // as a refusal has it
			return
		}
		k.mu.Lock()
		k.refused[member]++
		deaf := k.deaf
		k.mu.Unlock()
		if !deaf {
			k.set(member, false)
		}
	})
}

func (k *knownApps) say(member uint32, s application.State) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, app := range k.own {
		app.Table.Set(member, 1, s)
	}
}

// serve has all serve, and everybody know it.
func (k *knownApps) serve() {
	k.mu.Lock()
	all := slices.Collect(maps.Keys(k.own))
	k.mu.Unlock()
	for _, member := range all {
		k.set(member, true)
	}
}

// set has an application serve, or be down.
func (k *knownApps) set(member uint32, serves bool) {
	k.say(member, map[bool]application.State{true: application.Serving, false: application.Down}[serves])
}

// hearNothing has no refusal eject an application from now on.
func (k *knownApps) hearNothing() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.deaf = true
}

// leave has it take no new calls.
func (k *knownApps) leave(member uint32) { k.say(member, application.Leaving) }

// pin has the calls of an address-of-record go to a member's application.
func (x *proxy) pin(t testing.TB, aor string, member int) { x.mem.pin(t, aor, uint32(member), 300) }

// pods are members of one cluster with an application beside each.
type pods struct {
	members []*proxy
	apps    []*phone
	known   *knownApps
}

// startPods starts so many. The application of the i-th is at a loopback address of its
// own.
func startPods(t *testing.T, n int, change func(*config.LocalApp), options ...func(*proxyOptions)) *pods {
	t.Helper()
	p := &pods{known: &knownApps{own: map[uint32]*application.Local{}, refused: map[uint32]int{}}}
	app := config.LocalApp{Port: appPort, ProxyPort: appProxyPort}
	if change != nil {
		change(&app)
	}
	mem := newMemory()
	for i := range n {
		own := serial.Add(1)
		id, host := uint32(i+1), netip.AddrFrom4([4]byte{127, byte(64 + testPID%128), byte(own / 250 % 250), byte(1 + own%250)})
		p.apps = append(p.apps, newPhoneAt(t, "app"+strconv.Itoa(i+1), netip.AddrPortFrom(host, appPort).String()))
		p.members = append(p.members, startMember(t, mem, id, append(slices.Clone(options), func(o *proxyOptions) {
			o.config.LocalApp = &app
			o.config.ApplyDefaults()
			o.application = application.NewLocal(&app, host, id, time.Hour, slog.New(slog.DiscardHandler))
			o.loopback = host
			p.known.join(id, o.application)
		})...))
	}
	p.known.serve()
	return p
}

// owners are the places of the members at whose applications an address-of-record is
// tried, in order.
func (p *pods) owners(aor string) (list []int) {
	s := p.members[0].Server
	for _, id := range s.apps.choose(nil, s.cluster.View(), []byte(aor), 0) {
		list = append(list, int(id)-1)
	}
	return list
}

// startAnew starts the proxy of a member that has ended, beside the application that goes on.
func (p *pods) startAnew(t *testing.T, i int) *proxy {
	t.Helper()
	old := p.members[i]
	return startMember(t, old.mem, old.self, func(o *proxyOptions) {
		o.config.LocalApp = old.snap.Load().config.LocalApp
		o.config.ApplyDefaults()
		o.loopback = p.apps[i].addr.Addr()
		o.application = application.NewLocal(o.config.LocalApp, o.loopback, old.self, time.Hour, slog.New(slog.DiscardHandler))
		p.known.join(old.self, o.application)
		p.known.serve()
	})
}

// crash ends the proxy of a member, of which the others know that.
func (p *pods) crash(i int, known cluster.MemberView) {
	x := p.members[i]
	x.mem.crash(x.self, known)
	_ = x.layer.Close()
}

const room = "sip:room@example.com"

// answers has an application take the call that is on its way to it.
func (p *pods) answers(t *testing.T, alice, app *phone, d *dialog) (callee *dialog) {
	t.Helper()
	invite := app.request("INVITE")
	app.reply(invite, 180, "Ringing", "a", "Contact: <"+app.contact()+">")
	alice.status(180)
	app.reply(invite, 200, "OK", "a", "Contact: <"+app.contact()+">")
	d.answered(alice.status(200))
	d.ack()
	app.request("ACK")
	return app.callee(invite, "a")
}

// TestApplicationTakesACall: at whatever member it comes in, the application beside the
// owner has it, and what is within it goes there and back by way of any.
func TestApplicationTakesACall(t *testing.T) {
	t.Parallel()
	p := startPods(t, 3, nil)
	owner := p.owners(room)[0]
	app := p.apps[owner]
	for i, x := range p.members {
		alice := newPhone(t, "alice")
		d := alice.ring(x.addr, room)
		callee := p.answers(t, alice, app, d)
		if got, want := callee.proxy, p.members[owner].LocalAddress(); got != want {
			t.Errorf("the INVITE came from %s, want %s", got, want)
		}
		d.proxy = p.members[(i+1)%3].addr
		d.send("INVITE")
		app.reply(app.request("INVITE"), 200, "OK", "", "Contact: <"+app.contact()+">")
		alice.status(200)
		d.ack()
		app.request("ACK")
		callee.send("INVITE")
		alice.reply(alice.request("INVITE"), 200, "OK", "", "Contact: <"+alice.contact()+">")
		app.status(200)
		callee.ack()
		alice.request("ACK")
		from, to := d, app
		if i == 1 {
			from, to = callee, alice
		}
		from.send("BYE")
		to.reply(to.request("BYE"), 200, "OK", "")
		from.p.status(200)
	}
	given := uint64(0)
	for _, x := range p.members {
		given += x.metrics.applications[appGiven].Load()
	}
	if given != 3 {
		t.Errorf("%d calls given to applications", given)
	}
}

// TestApplicationIsToldOfTheCall: the names by which it reaches its proxy, and the whole
// way back.
func TestApplicationIsToldOfTheCall(t *testing.T) {
	t.Parallel()
	p := startPods(t, 2, func(a *config.LocalApp) { a.Original = config.OriginalHeader })
	owner := p.owners(room)[0]
	alice := newPhone(t, "alice")
	alice.ring(p.members[1-owner].addr, room, "X-Original-Request-URI: <sip:mallory@example.com>")
	invite := p.apps[owner].request("INVITE")
	if uri := string(invite.RequestURI()); uri != room {
		t.Errorf("Request-URI %s", uri)
	}
	if n := strings.Count(string(invite.Raw), "X-Original-Request-URI: <"+room+">\r\n"); n != 1 || strings.Contains(string(invite.Raw), "mallory") {
		t.Errorf("not told of the Request-URI:\n%s", invite.Raw)
	}
	routes := invite.values(wire.HeaderRecordRoute)
	via := invite.values(wire.HeaderVia)[0]
	at := fmt.Sprintf("127.0.0.1:%d", appProxyPort)
	if len(routes) != 2 || !strings.HasSuffix(routes[0], "@"+at+";lr>") || !strings.HasSuffix(routes[1], "@sip.cluster.example:5060;lr>") || !strings.HasPrefix(via, "SIP/2.0/UDP "+at+";") {
		t.Errorf("Record-Route %q\nVia %s", routes, via)
	}
}

// TestApplicationThatRefuses: the next owner's takes the call, and when none is left the
// caller is told when to come back.
func TestApplicationThatRefuses(t *testing.T) {
	t.Parallel()
	p := startPods(t, 3, nil)
	owners := p.owners(room)
	alice := newPhone(t, "alice")
	_ = p.apps[owners[0]].conn.Close()
	d := alice.ring(p.members[owners[2]].addr, room)
	callee := p.answers(t, alice, p.apps[owners[1]], d)
	callee.send("BYE")
	alice.reply(alice.request("BYE"), 200, "OK", "")
	p.apps[owners[1]].status(200)
	p.known.mu.Lock()
	if n := p.known.refused[uint32(owners[0]+1)]; n == 0 || len(p.known.refused) != 1 {
		t.Errorf("refusals told of: %v", p.known.refused)
	}
	p.known.mu.Unlock()

	_ = p.apps[owners[1]].conn.Close()
	_ = p.apps[owners[2]].conn.Close()
	p.known.hearNothing()
	for i := range p.apps { // nobody finds out
		p.known.set(uint32(i+1), true)
	}
	late := alice.ring(p.members[owners[2]].addr, room)
	final := alice.status(503)
	if !strings.Contains(string(final.Raw), "\r\nRetry-After: 5\r\n") {
		t.Errorf("no Retry-After:\n%s", final.Raw)
	}
	late.ackFailure(final)
}

// TestApplicationThatAnswers503: what takes no more calls has the next owner's asked.
func TestApplicationThatAnswers503(t *testing.T) {
	t.Parallel()
	p := startPods(t, 2, nil)
	owners := p.owners(room)
	alice, first := newPhone(t, "alice"), p.apps[owners[0]]
	d := alice.ring(p.members[0].addr, room)
	first.reply(first.request("INVITE"), 503, "Service Unavailable", "full")
	first.request("ACK")
	p.answers(t, alice, p.apps[owners[1]], d)
}

// TestApplicationThatHangs: a call that it has not answered goes to the next owner's when
// it is ejected; one that rings stays.
func TestApplicationThatHangs(t *testing.T) {
	t.Parallel()
	p := startPods(t, 3, nil)
	owners := p.owners(room)
	alice, carol, first := newPhone(t, "alice"), newPhone(t, "carol"), p.apps[owners[0]]
	rings := carol.ring(p.members[1].addr, room)
	ringing := first.request("INVITE")
	first.reply(ringing, 180, "Ringing", "r", "Contact: <"+first.contact()+">")
	carol.status(180)
	d := alice.ring(p.members[0].addr, room)
	first.request("INVITE")
	p.known.set(uint32(owners[0]+1), false)
	p.answers(t, alice, p.apps[owners[1]], d)
	first.reply(ringing, 486, "Busy Here", "r")
	rings.ackFailure(carol.status(486))

	d = alice.ring(p.members[0].addr, room) // what came before has had the timers look
	p.apps[owners[1]].request("INVITE")
	p.known.set(uint32(owners[1]+1), false)
	p.answers(t, alice, p.apps[owners[2]], d)
}

// TestDialogOfALostApplicationEndsAtOnce: 481 with the reason, whether it is its member
// that is dead, or known to be down, or refuses and nobody knew; a leaving one has its
// calls.
func TestDialogOfALostApplicationEndsAtOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lose func(p *pods, owner int)
		want int
	}{
		"member dead": {func(p *pods, owner int) { p.members[owner].kill() }, 481},
		"down":        {func(p *pods, owner int) { p.known.set(uint32(owner+1), false) }, 481},
		"refuses":     {func(p *pods, owner int) { _ = p.apps[owner].conn.Close() }, 481},
		"refuses, and nobody finds out": {func(p *pods, owner int) {
			p.known.hearNothing()
			_ = p.apps[owner].conn.Close()
		}, 481},
		"leaving": {func(p *pods, owner int) { p.known.leave(uint32(owner + 1)) }, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPods(t, 3, nil)
			owner := p.owners(room)[0]
			x, alice, app := p.members[(owner+1)%3], newPhone(t, "alice"), p.apps[owner]
			d := alice.ring(x.addr, room)
			p.answers(t, alice, app, d)
			tt.lose(p, owner)
			began := time.Now()
			d.send("BYE")
			if tt.want == 200 {
				app.reply(app.request("BYE"), 200, "OK", "")
				alice.status(200)
				return
			}
			final := alice.status(481)
			if !strings.Contains(string(final.Raw), "\r\nReason: SIP;cause=481;text=\"application is gone\"\r\n") {
				t.Errorf("no reason:\n%s", final.Raw)
			}
			if took := time.Since(began); took > 2*time.Second { // T1 is 4 s
				t.Errorf("after %v", took)
			}
			counted(t, "lost dialogs", x.metrics.applications[appGone].Load, 1)
		})
	}
}

// TestApplicationWhoseContactIsItsUser: what is within a dialog goes to the application that
// has it, and not to that which would get a new call.
func TestApplicationWhoseContactIsItsUser(t *testing.T) {
	t.Parallel()
	p := startPods(t, 2, nil)
	owner := p.owners(room)[0]
	alice, app := newPhone(t, "alice"), p.apps[owner]
	d := alice.ring(p.members[1-owner].addr, room)
	p.answers(t, alice, app, d)
	p.known.leave(uint32(owner + 1))
	d.target = room
	d.send("INFO")
	app.reply(app.request("INFO"), 200, "OK", "")
	alice.status(200)
}

// TestApplicationCalls: it is trusted, and reaches phones by way of its own proxy; what is
// for its own users goes to what is registered, and not to an application again.
func TestApplicationCalls(t *testing.T) {
	t.Parallel()
	p := startPods(t, 2, nil, guard(t, &users{}, nil))
	app, bob := p.apps[0], newPhone(t, "bob")
	bob.registerAs(p.members[1], bob.account())
	at := p.members[0].LocalAddress()
	for _, by := range []string{"bob", "app"} {
		d := app.ring(at, "sip:bob@example.com", fmt.Sprintf("Route: <sip:127.0.0.1:%d;lr>", appProxyPort))
		invite := bob.request("INVITE")
		if routes := invite.values(wire.HeaderRecordRoute); len(routes) != 2 || !strings.Contains(routes[0], "@sip.cluster.example:5060") {
			t.Errorf("Record-Route %q", routes)
		}
		bob.reply(invite, 180, "Ringing", "b", "Contact: <"+bob.contact()+">")
		app.status(180)
		bob.reply(invite, 200, "OK", "b", "Contact: <"+bob.contact()+">")
		d.answered(app.status(200))
		d.ack()
		bob.request("ACK")
		callee := bob.callee(invite, "b")
		callee.proxy = p.members[1].addr
		from, to := d, bob
		if by == "bob" {
			from, to = callee, app
		}
		from.send("BYE")
		to.reply(to.request("BYE"), 200, "OK", "")
		from.p.status(200)
	}
	d := app.ring(at, room)
	d.ackFailure(app.status(480))
	app.sendRaw(at, app.registerText(unique("reg"), 1, "Contact: <"+app.contact()+">"))
	app.status(403)
}

// TestNoneServes: the caller is told when to come back, and of the contacts' first where
// there are any.
func TestNoneServes(t *testing.T) {
	t.Parallel()
	for _, when := range []string{config.WhenAlways, config.WhenUnregistered, config.WhenNoAnswer} {
		p := startPods(t, 2, func(a *config.LocalApp) { a.When, a.RetryAfterSeconds = when, 7 })
		p.known.set(1, false)
		p.known.set(2, false)
		alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
		bob.register(p.members[0])
		d := alice.ring(p.members[0].addr, room)
		final := alice.status(503)
		if !strings.Contains(string(final.Raw), "\r\nRetry-After: 7\r\n") {
			t.Errorf("%s: no Retry-After:\n%s", when, final.Raw)
		}
		d.ackFailure(final)
		counted(t, "unavailable", p.members[0].metrics.applications[appUnavailable].Load, 1)
		d = alice.ring(p.members[0].addr, "sip:bob@example.com")
		if when == config.WhenAlways {
			d.ackFailure(alice.status(503))
			continue
		}
		bob.reply(bob.request("INVITE"), 486, "Busy Here", "b")
		bob.request("ACK")
		d.ackFailure(alice.status(486))
	}
}

// TestUnavailableReject: a call whose application does not serve is nobody else's.
func TestUnavailableReject(t *testing.T) {
	t.Parallel()
	p := startPods(t, 3, func(a *config.LocalApp) { a.Unavailable = config.UnavailableReject })
	owner := p.owners(room)[0]
	alice := newPhone(t, "alice")
	d := alice.ring(p.members[0].addr, room)
	invite := p.apps[owner].request("INVITE")
	p.apps[owner].reply(invite, 486, "Busy Here", "b")
	d.ackFailure(alice.status(486))
	p.apps[owner].request("ACK")
	p.known.set(uint32(owner+1), false)
	alice.ring(p.members[0].addr, room)
	alice.status(503)
	for _, app := range p.apps { // nor is it given to the one that does not serve
		app.quiet(50 * time.Millisecond)
	}
}

// TestUnregistered: the application has the calls of who has registered nothing.
func TestUnregistered(t *testing.T) {
	t.Parallel()
	p := startPods(t, 2, func(a *config.LocalApp) { a.When = config.WhenUnregistered })
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	d := alice.ring(p.members[0].addr, "sip:bob@example.com")
	p.answers(t, alice, p.apps[p.owners("sip:bob@example.com")[0]], d)
	bob.register(p.members[1])
	alice.ring(p.members[0].addr, "sip:bob@example.com")
	bob.request("INVITE")
}

// TestNoAnswer: the application has the calls that no contact has taken, as voicemail.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]bool{"busy": true, "rings": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPods(t, 2, func(a *config.LocalApp) { a.When, a.NoAnswerSeconds = config.WhenNoAnswer, 1 })
			alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
			bob.register(p.members[1])
			d := alice.ring(p.members[0].addr, "sip:bob@example.com")
			invite := bob.request("INVITE")
			if refuse {
				bob.reply(invite, 486, "Busy Here", "b")
				bob.request("ACK")
			} else {
				bob.reply(invite, 180, "Ringing", "b")
				alice.status(180)
				bob.reply(bob.request("CANCEL"), 200, "OK", "b")
				bob.reply(invite, 487, "Request Terminated", "b")
				bob.request("ACK")
			}
			p.answers(t, alice, p.apps[p.owners("sip:bob@example.com")[0]], d)
		})
	}
}

// TestPinnedApplication: calls go where those of the address-of-record are, while that
// takes any.
func TestPinnedApplication(t *testing.T) {
	t.Parallel()
	p := startPods(t, 3, nil)
	owners := p.owners(room)
	pinned := owners[2]
	p.members[0].pin(t, room, pinned+1)
	alice := newPhone(t, "alice")
	d := alice.ring(p.members[0].addr, room)
	p.answers(t, alice, p.apps[pinned], d)
	p.known.leave(uint32(pinned + 1))
	d = alice.ring(p.members[0].addr, room)
	p.answers(t, alice, p.apps[owners[0]], d)
}

// TestCancelAtAnotherMember: whoever gets the CANCEL, the call stops ringing, also where
// the owner is another one by now.
func TestCancelAtAnotherMember(t *testing.T) {
	t.Parallel()
	p := startPods(t, 3, nil)
	owner := p.owners(room)[0]
	alice, app := newPhone(t, "alice"), p.apps[owner]
	for _, moved := range []bool{false, true} {
		d := alice.ring(p.members[0].addr, room)
		invite := app.request("INVITE")
		app.reply(invite, 180, "Ringing", "r")
		alice.status(180)
		if moved {
			p.known.leave(uint32(owner + 1))
		}
		d.proxy = p.members[1].addr
		d.cancel()
		cancel := app.request("CANCEL")
		app.reply(cancel, 200, "OK", "r")
		app.reply(invite, 487, "Request Terminated", "r")
		for m := app.news(); string(m.MethodBytes()) != "ACK"; m = app.news() {
			if string(m.MethodBytes()) != "CANCEL" { // that of the member which has no transaction may come, too
				t.Fatalf("%s", m.Raw)
			}
		}
		for cancelled, ended := false, false; !cancelled || !ended; { // in whatever order
			r := alice.news()
			switch {
			case r == nil:
				t.Fatalf("the CANCEL was answered: %v, the INVITE: %v", cancelled, ended)
			case r.StatusCode() == 200 && string(r.CSeqMethodBytes()) == "CANCEL":
				cancelled = true
			case r.StatusCode() == 487:
				ended, d.proxy = true, p.members[0].addr
				d.ackFailure(r)
			case r.StatusCode() != 100:
				t.Fatalf("%s", r.Raw)
			}
		}
	}
}

// TestOtherRequestsForApplications: whatever may begin outside of a dialog.
func TestOtherRequestsForApplications(t *testing.T) {
	t.Parallel()
	p := startPods(t, 2, nil)
	app := p.apps[p.owners(room)[0]]
	alice := newPhone(t, "alice")
	for _, method := range []string{"MESSAGE", "OPTIONS", "SUBSCRIBE"} {
		alice.sendRaw(p.members[0].addr, []byte(alice.plain(method, room)))
		app.reply(app.request(method), 200, "OK", "a", "Contact: <"+app.contact()+">")
		alice.status(200)
	}
}

// TestForgedWayToAnApplication: nobody names one by a token that does not verify, a URI or
// a registration.
func TestForgedWayToAnApplication(t *testing.T) {
	t.Parallel()
	p := startPods(t, 1, func(a *config.LocalApp) { a.Users = "room" })
	x, mallory := p.members[0], newPhone(t, "mallory")
	other, err := token.NewKeys([]token.Key{{ID: 1, Secret: [32]byte{66}}})
	if err != nil {
		t.Fatal(err)
	}
	tok := token.Token{Caller: flow.OverUDP(mallory.addr), Callee: flow.ToLocal(1, appPort), CalleeNAT: true, CallerTag: token.HashTag([]byte("m"))}
	d := mallory.ring(x.addr, "sip:nobody@example.com")
	d.ackFailure(mallory.status(480))
	d.callID, d.local, d.remote = "forged", "<sip:mallory@example.com>;tag=m", "<sip:room@example.com>;tag=r"
	d.target = fmt.Sprintf("sip:room@127.0.0.1:%d", appPort)
	d.routes = []string{fmt.Sprintf("<sip:%s@sip.cluster.example:5060;lr>", other.AppendToken(nil, &tok, []byte("forged")))}
	d.send("INFO")
	mallory.status(403)
	d.routes = []string{fmt.Sprintf("<sip:%s@sip.cluster.example:5060;lr>", testKeys(t).AppendToken(nil, &tok, []byte("another")))}
	d.send("INFO")
	mallory.status(403)
	for _, uri := range []string{"sip:room@127.0.0.1:25080;transport=local", "sip:room@127.0.0.1:25080;transport="} {
		mallory.sendRaw(x.addr, []byte(mallory.plain("MESSAGE", uri)))
		if r := mallory.news(); r == nil || r.StatusCode() < 400 {
			t.Errorf("%s: %v", uri, r)
		}
	}
	mallory.sendRaw(x.addr, mallory.registerText(unique("reg"), 1, "Contact: <sip:mallory@127.0.0.1:25080;transport=local>"))
	mallory.status(200)
	mallory.sendRaw(x.addr, []byte(mallory.plain("MESSAGE", "sip:mallory@example.com")))
	mallory.status(480)
	p.apps[0].quiet(50 * time.Millisecond)
}

// TestApplicationOverTCP: the proxy opens the connection, and what comes back over it is
// the application's.
func TestApplicationOverTCP(t *testing.T) {
	t.Parallel()
	p := startPods(t, 2, func(a *config.LocalApp) { a.Protocol = "TCP" })
	owner := p.owners(room)[0]
	app := p.apps[owner]
	listener, err := net.Listen("tcp", app.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	alice := newPhone(t, "alice")
	d := alice.ring(p.members[1-owner].addr, room)
	app.accept(listener)
	callee := p.answers(t, alice, app, d)
	d.send("INFO")
	app.reply(app.request("INFO"), 200, "OK", "")
	alice.status(200)
	callee.send("BYE")
	alice.reply(alice.request("BYE"), 200, "OK", "")
	app.status(200)
}

// TestProxyThatStartsAnewKeepsItsApplicationsCalls: requests both ways, and the response
// to one that the proxy before has passed on.
func TestProxyThatStartsAnewKeepsItsApplicationsCalls(t *testing.T) {
	t.Parallel()
	p := startPods(t, 2, nil)
	owner := p.owners(room)[0]
	app, alice, other := p.apps[owner], newPhone(t, "alice"), p.members[1-owner]
	d := alice.ring(other.addr, room)
	callee := p.answers(t, alice, app, d)
	callee.send("INFO")
	info := alice.request("INFO")

	p.members[owner].kill()
	again := p.startAnew(t, owner)
	info.from = other.addr
	alice.reply(info, 200, "OK", "")
	app.status(200)
	d.send("INFO")
	app.reply(app.request("INFO"), 200, "OK", "")
	alice.status(200)
	callee.proxy = again.LocalAddress()
	callee.send("BYE")
	alice.reply(alice.request("BYE"), 200, "OK", "")
	app.status(200)
}

// TestWhoLeavesTakesNoCalls: also where its application has not said so yet.
func TestWhoLeavesTakesNoCalls(t *testing.T) {
	p := startPods(t, 3, nil)
	s, first := p.members[0].Server, uint32(p.owners(room)[0]+1)
	view := *s.cluster.View()
	view.Members = slices.Clone(view.Members)
	for i := range view.Members {
		view.Members[i].Leaving = view.Members[i].ID == first
	}
	for _, pinned := range []uint32{0, first} {
		if got := s.apps.choose(nil, &view, []byte(room), pinned); len(got) != 2 || slices.Contains(got, first) {
			t.Errorf("pinned to %d: %v, and %d leaves", pinned, got, first)
		}
	}
}

// TestChoiceOfApplications: each address-of-record is its home's, or the next owner's
// where that takes none, and nobody else's moves.
func TestChoiceOfApplications(t *testing.T) {
	p := startPods(t, 3, nil)
	s := p.members[0].Server
	before := map[string][]uint32{}
	shares := map[uint32]int{}
	for i := range 1000 {
		aor := fmt.Sprintf("sip:user%d@example.com", i)
		before[aor] = s.apps.choose(nil, s.cluster.View(), []byte(aor), 0)
		shares[before[aor][0]]++
	}
	if most := slices.Max(slices.Collect(maps.Values(shares))); len(shares) != 3 || most*3 > 1300 {
		t.Errorf("shares %v", shares)
	}
	p.known.leave(2)
	for aor, was := range before {
		want := slices.DeleteFunc(slices.Clone(was), func(id uint32) bool { return id == 2 })
		if got := s.apps.choose(nil, s.cluster.View(), []byte(aor), 0); !slices.Equal(got, want) {
			t.Fatalf("%s: %v, want %v of %v", aor, got, want, was)
		}
	}
}
