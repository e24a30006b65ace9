package server

import (
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
)

// held has alice in a call with the application of a room, at another member than that
// beside it.
func (p *pods) held(t *testing.T) (owner int, x *proxy, alice *phone, d *dialog) {
	t.Helper()
	owner = p.owners(room)[0]
	x, alice = p.members[(owner+1)%len(p.members)], newPhone(t, "alice")
	d = alice.ring(x.addr, room)
	p.answers(t, alice, p.apps[owner], d)
	return owner, x, alice, d
}

// crashed is what the others know of a member whose process has ended.
var crashed = cluster.MemberView{Ended: true}

// lostBefore has a member be away for so many milliseconds already.
func (x *proxy) lostBefore(i int, ago int64) {
	x.noteAbsences()
	a := &x.apps.absent
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since[uint32(i+1)] -= ago
}

// TestDialogWaitsForTheProxyOfItsApplication: what comes while the proxy beside an
// application starts anew, or was given to the one before, goes to the application when it
// is back.
func TestDialogWaitsForTheProxyOfItsApplication(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(t *testing.T, p *pods, owner int, x *proxy, d *dialog){
		"sent meanwhile": func(t *testing.T, p *pods, owner int, x *proxy, d *dialog) {
			p.crash(owner, crashed)
			d.send("INFO")
			x.waits(t, 1)
			p.startAnew(t, owner)
		},
		"sent before, and not answered": func(t *testing.T, p *pods, owner int, x *proxy, d *dialog) {
			d.send("INFO")
			p.apps[owner].request("INFO")
			p.crash(owner, crashed)
			x.waits(t, 1)
			p.apps[owner].forget()
			p.startAnew(t, owner)
		},
		"its streams are broken, and nobody has concluded": func(t *testing.T, p *pods, owner int, x *proxy, d *dialog) {
			x.mem.breakStreams(uint32(owner + 1))
			d.send("INFO")
			x.waits(t, 1)
			x.mem.breakStreams(0)
		},
		"the streams first, then its end": func(t *testing.T, p *pods, owner int, x *proxy, d *dialog) {
			x.mem.breakStreams(uint32(owner + 1))
			d.send("INFO")
			x.waits(t, 1)
			p.crash(owner, crashed)
			x.mem.breakStreams(0)
			p.startAnew(t, owner)
		},
		"not met yet": func(t *testing.T, p *pods, owner int, x *proxy, d *dialog) {
			p.crash(owner, cluster.MemberView{})
			d.send("INFO")
			x.waits(t, 1)
			p.startAnew(t, owner)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPods(t, 3, nil)
			owner, x, alice, d := p.held(t)
			play(t, p, owner, x, d)
			app := p.apps[owner]
			app.reply(app.request("INFO"), 200, "OK", "")
			alice.status(200)
			x.waited(t, waitDelivered)
			d.send("BYE")
			app.reply(app.request("BYE"), 200, "OK", "")
			alice.status(200)
		})
	}
}

// TestReInviteWaitsForTheProxyOfItsApplication: its caller hears at once that somebody has it.
func TestReInviteWaitsForTheProxyOfItsApplication(t *testing.T) {
	t.Parallel()
	p := startPods(t, 2, nil)
	owner, x, alice, d := p.held(t)
	p.crash(owner, crashed)
	d.send("INVITE")
	alice.status(100)
	x.waits(t, 1)
	p.startAnew(t, owner)
	app := p.apps[owner]
	app.reply(app.request("INVITE"), 200, "OK", "", "Contact: <"+app.contact()+">")
	alice.status(200)
	d.ack()
	app.request("ACK")
}

// TestDialogOfAnApplicationThatIsGone: what cannot come back is answered at once, though the
// set has its member still.
func TestDialogOfAnApplicationThatIsGone(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(p *pods, x *proxy, owner int){
		"it was down": func(p *pods, _ *proxy, owner int) {
			p.known.set(uint32(owner+1), false)
			p.crash(owner, crashed)
		},
		"its member leaves": func(p *pods, _ *proxy, owner int) { p.crash(owner, cluster.MemberView{Ended: true, Leaving: true}) },
		"it was leaving": func(p *pods, _ *proxy, owner int) {
			p.known.leave(uint32(owner + 1))
			p.crash(owner, crashed)
		},
		"its proxy does not come back": func(p *pods, x *proxy, owner int) {
			p.crash(owner, crashed)
			x.lostBefore(owner, endedAway)
		},
		"its node is silent": func(p *pods, x *proxy, owner int) {
			p.crash(owner, cluster.MemberView{})
			x.lostBefore(owner, silentAway)
		},
		"its member has left the set": func(p *pods, _ *proxy, owner int) { p.members[owner].kill() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPods(t, 3, nil)
			owner, x, alice, d := p.held(t)
			lose(p, x, owner)
			d.send("BYE")
			final := alice.status(481)
			if !strings.Contains(string(final.Raw), "\r\nReason: SIP;cause=481;text=\"application is gone\"\r\n") {
				t.Errorf("no reason:\n%s", final.Raw)
			}
			for outcome := range x.metrics.waits {
				if n := x.metrics.waits[outcome].Load(); n > 0 {
					t.Errorf("%d requests have waited: %s", n, waitNames[outcome])
				}
			}
			counted(t, "lost dialogs", x.metrics.applications[appGone].Load, 1)
		})
	}
}

// TestDialogWaitsForItsApplicationSoLong: until its sender is about to give up, and no
// longer than the application may be away; that ends with the call.
func TestDialogWaitsForItsApplicationSoLong(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		known cluster.MemberView
		t1    time.Duration
		ago   int64 // ms since its loss
	}{
		"its sender gives up": {crashed, 100 * time.Millisecond, 0},
		"its node is silent":  {cluster.MemberView{}, 500 * time.Millisecond, silentAway - 1500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPods(t, 2, nil, func(o *proxyOptions) { o.timers.T1 = tt.t1 })
			owner, x, alice, d := p.held(t)
			p.crash(owner, tt.known)
			x.lostBefore(owner, tt.ago)
			began := time.Now()
			d.send("BYE")
			alice.status(481)
			if took := time.Since(began); took < 1400*time.Millisecond || took > patience/2 {
				t.Errorf("answered after %v", took)
			}
			counted(t, "lost dialogs", x.metrics.applications[appGone].Load, 1)
			x.waits(t, 0)
		})
	}
}

// TestNoRoomToWaitForAnApplication: the request ends, and the call does not.
func TestNoRoomToWaitForAnApplication(t *testing.T) {
	t.Parallel()
	p := startPods(t, 2, nil)
	owner, x, alice, d := p.held(t)
	p.crash(owner, crashed)
	w := &x.waiting
	w.mu.Lock()
	w.held += maxWaiting
	w.mu.Unlock()
	d.send("INFO")
	if final := alice.status(503); !strings.Contains(string(final.Raw), "\r\nRetry-After: ") {
		t.Errorf("no Retry-After:\n%s", final.Raw)
	}
	w.mu.Lock()
	w.held -= maxWaiting
	w.mu.Unlock()
}

// TestWhatIsLostWasRefused by the application, or is sent again: to the life of the proxy that
// it was given to, and if that was reached.
func TestWhatIsLostWasRefused(t *testing.T) {
	p := startPods(t, 1, nil)
	x := p.members[0]
	now := x.now()
	x.apps.absent.lacks(7, now-10)
	for name, tt := range map[string]struct {
		losses int
		life   uint64
		sent   int64
		late   bool
		want   bool
	}{
		"not lost":                    {0, 5, now, false, false},
		"lost, though it was given":   {1, 5, now, false, true},
		"given to the one before":     {1, 4, now, false, false},
		"it was not reached":          {1, 5, now - 20, false, false},
		"nobody waits for it by then": {1, 4, now, true, true},
	} {
		r := &request{message: message{s: x.Server, now: now}, losses: tt.losses, appLife: tt.life, appSent: tt.sent, arrived: x.clock.since()}
		if tt.late {
			r.now += x.otherWait.Milliseconds() + 1
		}
		if got := r.refusedBy(7, 5); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
