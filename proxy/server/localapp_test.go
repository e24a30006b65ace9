package server

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/wire"
)

// besideProxy is an application in a member's pod: a user agent at that one's loopback.
type besideProxy struct {
	*phone
	local *application.Local
}

const appPort = 5080

// startPods starts members that have an application each, which serves. All applications
// take conferences.
func startPods(t *testing.T, n int, change func(*config.LocalApp)) ([]*proxy, []*besideProxy) {
	t.Helper()
	mem, set := newMemory(), &config.MemberSet{Epoch: 1, Advertise: "sip.cluster.example"}
	for i := range n {
		set.Members = append(set.Members, config.Member{ID: uint32(i + 1), Name: fmt.Sprint(i), Address: "127.0.0.1", State: config.Active})
	}
	var members []*proxy
	var apps []*besideProxy
	for i := range n {
		host := netip.AddrFrom4([4]byte{127, 201, byte(serial.Add(1) >> 8), byte(serial.Load())}) // pods have each their own
		app := &besideProxy{phone: newPhoneAt(t, "conf-1", netip.AddrPortFrom(host, appPort).String())}
		members = append(members, startProxy(t, func(o *proxyOptions) {
			o.mem, o.self, o.set = mem, uint32(i+1), set
			o.config.LocalApp = &config.LocalApp{Port: appPort, ProxyPort: 5060, Users: "conf-[0-9]+"}
			if change != nil {
				change(o.config.LocalApp)
			}
			o.config.ApplyDefaults()
			app.local = application.NewLocal(o.config.LocalApp, host, o.self, time.Hour, slog.New(slog.DiscardHandler))
			o.application, o.loopback = app.local, host
		}))
		app.local.Tell(members[i].TellApplication)
		apps = append(apps, app)
	}
	for i := range apps {
		says(members, uint32(i+1), application.Serving)
	}
	return members, apps
}

// says has all members know what one says of its application.
func says(members []*proxy, id uint32, state application.State) {
	for _, x := range members {
		x.apps.Table.Set(id, 1, state)
		x.nudge()
	}
}

// at returns the application that an INVITE has come to, and the INVITE.
func at(t *testing.T, apps []*besideProxy) (int, *received) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		for i, a := range apps {
			if r := a.receive(time.Millisecond); r != nil {
				if r.Method() != wire.MethodInvite {
					t.Fatalf("the application got %s", r.Raw)
				}
				return i, r
			}
		}
	}
	t.Fatal("no application was called")
	return 0, nil
}

// conference is a user of the applications whose home is a member's.
func conference(t *testing.T, x []*proxy, home int) string {
	t.Helper()
	for i := range 1000 {
		user := fmt.Sprintf("conf-%d", i)
		if chosen := x[0].apps.choose(nil, x[0].cluster.View(), []byte("sip:"+user+"@example.com"), 0); chosen[0] == uint32(home+1) {
			return "sip:" + user + "@example.com"
		}
	}
	t.Fatal("no user is at home there")
	return ""
}

// callApplication has a phone call a user of the application at a member, by way of another.
func callApplication(t *testing.T, alice *phone, via *proxy, apps []*besideProxy, home int, uri string) (caller, callee *dialog) {
	t.Helper()
	caller = alice.ring(via.addr, uri)
	i, invite := at(t, apps)
	if i != home {
		t.Fatalf("application %d was called, %d is at home", i, home)
	}
	app := apps[i]
	app.reply(invite, 180, "Ringing", "app")
	alice.status(180)
	app.reply(invite, 200, "OK", "app", fmt.Sprintf("Contact: <sip:app@%s>", app.addr))
	caller.answered(alice.status(200))
	caller.ack()
	app.request("ACK")
	callee = app.callee(invite, "app")
	return caller, callee
}

// TestCallForTheApplication: it goes to the one beside the home of its user, through any
// member, and so does what follows, from either end.
func TestCallForTheApplication(t *testing.T) {
	t.Parallel()
	x, apps := startPods(t, 3, nil)
	for home := range apps {
		uri, alice := conference(t, x, home), newPhone(t, "alice")
		caller, callee := callApplication(t, alice, x[(home+1)%3], apps, home, uri)
		if got := apps[home].local.Calls(); got != 1 {
			t.Errorf("%d calls are counted at the application", got)
		}
		caller.proxy = x[(home+2)%3].addr
		caller.send("INFO")
		callee.p.reply(callee.p.request("INFO"), 200, "OK", "")
		alice.status(200)
		callee.send("INFO")
		alice.reply(alice.request("INFO"), 200, "OK", "")
		callee.p.status(200)
		if home%2 == 0 {
			caller.send("BYE")
			callee.p.reply(callee.p.request("BYE"), 200, "OK", "")
			alice.status(200)
		} else {
			callee.send("BYE")
			alice.reply(alice.request("BYE"), 200, "OK", "")
			callee.p.status(200)
		}
		if got := apps[home].local.Calls(); got != 0 {
			t.Errorf("%d calls are counted at the application after the BYE", got)
		}
		alice.quiet(5 * time.Millisecond)
	}
}

// TestRFC5658_5_ApplicationIsToldOfItsProxy: Via and the topmost Record-Route name the
// proxy as it is met there.
func TestRFC5658_5_ApplicationIsToldOfItsProxy(t *testing.T) {
	t.Parallel()
	x, apps := startPods(t, 2, nil)
	alice := newPhone(t, "alice")
	alice.ring(x[1].addr, conference(t, x, 0))
	_, invite := at(t, apps)
	via, routes := invite.values(wire.HeaderVia)[0], invite.values(wire.HeaderRecordRoute)
	if !strings.HasPrefix(via, "SIP/2.0/UDP 127.0.0.1:5060;") || len(routes) != 2 ||
		!strings.Contains(routes[0], "@127.0.0.1:5060;") || !strings.Contains(routes[1], "@sip.cluster.example:5060;") {
		t.Errorf("Via %s\nRecord-Route %q", via, routes)
	}
}

// TestApplicationThatRefuses: nobody listens at its port, and the next owner's gets the
// call at once.
func TestApplicationThatRefuses(t *testing.T) {
	t.Parallel()
	x, apps := startPods(t, 3, nil)
	uri := conference(t, x, 0)
	_ = apps[0].conn.Close()
	alice := newPhone(t, "alice")
	alice.ring(x[1].addr, uri)
	i, invite := at(t, apps[1:])
	apps[1+i].reply(invite, 486, "Busy Here", "b")
	alice.status(486)
}

// TestApplicationThatHangs: the call goes on when the application is known to be down.
func TestApplicationThatHangs(t *testing.T) {
	t.Parallel()
	x, apps := startPods(t, 3, nil)
	uri, alice := conference(t, x, 0), newPhone(t, "alice")
	alice.ring(x[1].addr, uri)
	at(t, apps[:1]) // and says nothing
	says(x, 1, application.Down)
	i, invite := at(t, apps[1:])
	apps[1+i].reply(invite, 486, "Busy Here", "b")
	apps[1+i].request("ACK")
	alice.status(486)
	alice.ring(x[2].addr, uri) // and so does the next one
	j, invite := at(t, apps[1:])
	if i != j {
		t.Errorf("application %d is next, and then %d", i+1, j+1)
	}
	apps[1+j].reply(invite, 486, "Busy Here", "b")
	alice.status(486)
}

// TestDialogOfALostApplication: what is within it is answered at once.
func TestDialogOfALostApplication(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func([]*proxy){
		"the application is down": func(x []*proxy) { says(x, 1, application.Down) },
		"its member is dead":      func(x []*proxy) { x[0].kill() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, apps := startPods(t, 3, nil)
			alice := newPhone(t, "alice")
			caller, _ := callApplication(t, alice, x[1], apps, 0, conference(t, x, 0))
			lose(x)
			caller.proxy = x[2].addr
			caller.send("BYE")
			if r := alice.status(481); !strings.Contains(string(r.Raw), "\r\nReason: SIP;cause=481;") {
				t.Errorf("no reason is given:\n%s", r.Raw)
			}
		})
	}
}

// TestCallOfTheApplication: it calls a phone by way of the proxy beside it, and is
// believed who it says it is.
func TestCallOfTheApplication(t *testing.T) {
	t.Parallel()
	x, apps := startPods(t, 2, nil)
	bob, app := newPhone(t, "bob"), apps[0]
	bob.register(x[1])
	beside := netip.AddrPortFrom(app.addr.Addr(), 5060)
	d := app.ring(beside, "sip:bob@example.com")
	invite := bob.request("INVITE")
	bob.reply(invite, 200, "OK", "b", "Contact: <"+bob.contact()+">")
	d.answered(app.status(200))
	d.ack()
	bob.request("ACK")
	if got := app.local.Calls(); got != 1 {
		t.Errorf("%d calls are counted at the application", got)
	}
	callee := bob.callee(invite, "b")
	callee.proxy = x[1].addr
	callee.send("BYE")
	app.reply(app.request("BYE"), 200, "OK", "")
	bob.status(200)
	if got := app.local.Calls(); got != 0 {
		t.Errorf("%d calls are counted after the BYE", got)
	}
}

// TestNoApplicationServes: 503 with Retry-After, whichever member is asked.
func TestNoApplicationServes(t *testing.T) {
	t.Parallel()
	x, _ := startPods(t, 2, func(a *config.LocalApp) { a.RetryAfterSeconds = 7 })
	uri := conference(t, x, 0)
	says(x, 1, application.Down)
	says(x, 2, application.Leaving)
	alice := newPhone(t, "alice")
	d := alice.ring(x[0].addr, uri)
	r := alice.status(503)
	d.ackFailure(r)
	if !strings.Contains(string(r.Raw), "\r\nRetry-After: ") {
		t.Errorf("no Retry-After:\n%s", r.Raw)
	}
}

// TestApplicationsAreRejected: with Reject no other application takes the call.
func TestApplicationsAreRejected(t *testing.T) {
	t.Parallel()
	x, _ := startPods(t, 2, func(a *config.LocalApp) { a.Unavailable = config.UnavailableReject })
	uri := conference(t, x, 0)
	says(x, 1, application.Down)
	alice := newPhone(t, "alice")
	d := alice.ring(x[1].addr, uri)
	d.ackFailure(alice.status(503))
}

// TestApplicationOfTheUnregistered: who is registered is called, who is not has the
// application.
func TestApplicationOfTheUnregistered(t *testing.T) {
	t.Parallel()
	x, apps := startPods(t, 2, func(a *config.LocalApp) { a.When, a.Users = config.WhenUnregistered, "" })
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	alice.ring(x[0].addr, "sip:bob@example.com")
	i, invite := at(t, apps)
	apps[i].reply(invite, 486, "Busy Here", "b")
	alice.status(486)
	bob.register(x[1])
	alice.ring(x[0].addr, "sip:bob@example.com")
	bob.reply(bob.request("INVITE"), 480, "Gone", "b")
	alice.status(480)
}

// TestApplicationOfWhoDoesNotAnswer: as voicemail has it.
func TestApplicationOfWhoDoesNotAnswer(t *testing.T) {
	t.Parallel()
	x, apps := startPods(t, 2, func(a *config.LocalApp) { a.When, a.Users, a.NoAnswerSeconds = config.WhenNoAnswer, "", 1 })
	alice, bob := newPhone(t, "alice"), newPhone(t, "bob")
	bob.register(x[1])
	for name, answer := range map[string]func(*received){
		"busy": func(r *received) { bob.reply(r, 486, "Busy Here", "b"); bob.request("ACK") },
		"silence": func(r *received) {
			bob.reply(r, 180, "Ringing", "b")
			alice.status(180)
			bob.reply(bob.request("CANCEL"), 200, "OK", "b")
		},
	} {
		alice.ring(x[0].addr, "sip:bob@example.com")
		answer(bob.request("INVITE"))
		i, invite := at(t, apps)
		apps[i].reply(invite, 200, "OK", name, "Contact: <sip:app@"+apps[i].addr.String()+">")
		alice.status(200)
		bob.forget()
	}
}

// TestPinnedCall: a call goes where those of its user are, whatever the ring says.
func TestPinnedCall(t *testing.T) {
	t.Parallel()
	x, apps := startPods(t, 3, nil)
	uri, alice := conference(t, x, 0), newPhone(t, "alice")
	x[0].mem.pin(t, uri, 2)
	alice.ring(x[0].addr, uri)
	i, invite := at(t, apps)
	if i != 1 {
		t.Errorf("application %d was called, the user is pinned to 1", i)
	}
	apps[i].reply(invite, 486, "Busy Here", "b")
	apps[i].request("ACK")
	alice.status(486)
	says(x, 2, application.Down)
	alice.ring(x[0].addr, uri)
	i, invite = at(t, apps)
	if i != 0 {
		t.Errorf("application %d was called, where the user is pinned to one that is down", i)
	}
	apps[i].reply(invite, 486, "Busy Here", "b")
	alice.status(486)
}

// TestMembersTellOfTheirApplications: each hears of the others', and believes none of a third.
func TestMembersTellOfTheirApplications(t *testing.T) {
	t.Parallel()
	x, _ := startPods(t, 3, nil)
	x[0].TellApplication(application.Leaving)
	counted(t, "members that know", func() (n uint64) {
		for _, m := range x[1:] {
			if m.apps.Table.State(1) == application.Leaving {
				n++
			}
		}
		return n
	}, 2)
	for _, bad := range [][]byte{nil, {1}, application.AppendState(nil, 1, application.Down)[1:], append(application.AppendState(nil, 1, application.Down), 0)} {
		x[1].HandleFrame(3, frameApplication, bad)
	}
	if got := x[1].apps.Table.State(3); got != application.Serving {
		t.Errorf("what cannot be read is taken for %v", got)
	}
}
