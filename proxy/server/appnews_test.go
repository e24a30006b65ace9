package server

import (
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/application"
)

// TestMembersTellOfTheirApplications: each hears of the others', and believes none of a third.
func TestMembersTellOfTheirApplications(t *testing.T) {
	t.Parallel()
	x := startPods(t, 3, nil).members
	x[0].TellApplication(application.Leaving)
	counted(t, "members that know", func() (n uint64) {
		for _, m := range x[1:] {
			if m.apps.Table.State(1) == application.Leaving {
				n++
			}
		}
		return n
	}, 2)
	down := application.AppendState(nil, 1, application.Down)
	for _, bad := range [][]byte{nil, {1}, down[1:], append(down, 0)} {
		x[1].HandleFrame(3, frameApplication, bad)
	}
	if got := x[1].apps.Table.State(3); got != application.Serving {
		t.Errorf("what cannot be read is taken for %v", got)
	}
}

// TestCallsOfTheApplicationAreCounted, those that it gets and those that it makes, where it
// is, whichever end hangs up.
func TestCallsOfTheApplicationAreCounted(t *testing.T) {
	t.Parallel()
	p := startPods(t, 2, nil)
	owner := p.owners(room)[0]
	app, x, beside := p.apps[owner], p.members[1-owner], p.members[owner]
	count := func(when string, want int) {
		t.Helper()
		if got := beside.apps.Calls(); got != want {
			t.Errorf("%d calls are counted %s, want %d", got, when, want)
		}
	}
	alice := newPhone(t, "alice")
	for _, end := range []string{"caller", "callee"} {
		d := alice.ring(x.addr, room)
		callee := p.answers(t, alice, app, d)
		count("when one is up", 1)
		from, to := d, callee
		if end == "callee" {
			from, to = callee, d
		}
		from.send("BYE")
		to.p.reply(to.p.request("BYE"), 200, "OK", "")
		from.p.status(200)
		count("when the "+end+" has hung up", 0)
	}
	alice.register(x)
	d := app.ring(beside.LocalAddress(), "sip:alice@example.com")
	invite := alice.request("INVITE")
	alice.reply(invite, 200, "OK", "b", "Contact: <"+alice.contact()+">")
	d.answered(app.status(200))
	d.ack()
	alice.request("ACK")
	count("when it has made one", 1)
	d.send("BYE")
	alice.reply(alice.request("BYE"), 200, "OK", "")
	app.status(200)
	count("when it has hung up", 0)
}

// TestCallWhoseAnswerNobodyAcknowledges is counted as long as that may be repeated, 32 s: so an
// application that hung is not waited for because of callers who have gone.
func TestCallWhoseAnswerNobodyAcknowledges(t *testing.T) {
	t.Parallel()
	p := startPods(t, 2, nil)
	owner := p.owners(room)[0]
	app, x, beside := p.apps[owner], p.members[1-owner], p.members[owner]
	alice, carol := newPhone(t, "alice"), newPhone(t, "carol")
	d := alice.ring(x.addr, room)
	p.answers(t, alice, app, d)
	carol.ring(x.addr, room)
	app.reply(app.request("INVITE"), 200, "OK", "b", "Contact: <"+app.contact()+">")
	carol.status(200)
	if n := beside.apps.Calls(); n != 2 {
		t.Errorf("%d calls are counted, want 2", n)
	}
	for end := time.Now().Add(32*time.Second + patience); beside.apps.Calls() > 1 && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		beside.apps.PinsDue(0)
	}
	if n := beside.apps.Calls(); n != 1 {
		t.Errorf("%d calls are counted, want the one that goes on", n)
	}
	d.send("BYE")
	app.reply(app.request("BYE"), 200, "OK", "")
	alice.status(200)
	if n := beside.apps.Calls(); n != 0 {
		t.Errorf("%d calls are counted after its BYE", n)
	}
}
