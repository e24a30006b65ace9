package server

import (
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/application"
)

// pinnedUntil is when the pin of an address-of-record ends, in milliseconds since 1970; 0: there
// is none.
func (m *memory) pinnedUntil(aor string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, until, _ := application.PinnedUntil(m.records[string(application.AppendPinAOR(nil, []byte(aor)))], time.Now().UnixMilli())
	return until
}

// TestPinThatEndsBetweenTwoCallers: the second one, who comes when it would be over, finds the
// first, who came just before, though the ring has another application.
func TestPinThatEndsBetweenTwoCallers(t *testing.T) {
	t.Parallel()
	p := startPods(t, 3, nil)
	pinned, mem := p.owners(room)[2], p.members[0].mem
	mem.pin(t, room, uint32(pinned+1), 1)
	alice, bob, app := newPhone(t, "alice"), newPhone(t, "bob"), p.apps[pinned]
	ends := mem.pinnedUntil(room)
	one := alice.ring(p.members[0].addr, room)
	invite := app.request("INVITE")
	time.Sleep(time.Until(time.UnixMilli(ends + 1)))
	two := bob.ring(p.members[1].addr, room)
	second := app.request("INVITE")
	app.reply(invite, 486, "Busy Here", "a")
	one.ackFailure(alice.status(486))
	app.request("ACK")
	app.reply(second, 486, "Busy Here", "b")
	two.ackFailure(bob.status(486))
}

// TestPinIsRenewedOnlyByCallsThatItLeads: not while it has long to go, and not where its
// application takes no calls.
func TestPinIsRenewedOnlyByCallsThatItLeads(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		seconds uint32
		leaves  bool
		renewed bool
	}{
		"it ends":            {1, false, true},
		"it has long to go":  {3, false, false},
		"to one that leaves": {1, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPods(t, 3, nil)
			owners, mem := p.owners(room), p.members[0].mem
			at := owners[2]
			mem.pin(t, room, uint32(at+1), tt.seconds)
			before := mem.pinnedUntil(room)
			if tt.leaves {
				p.known.leave(uint32(at + 1))
				at = owners[0]
			}
			newPhone(t, "alice").ring(p.members[0].addr, room)
			p.apps[at].request("INVITE")
			if after := mem.pinnedUntil(room); (after > before) != tt.renewed {
				t.Errorf("pinned until %d, and then until %d", before, after)
			}
		})
	}
}

// TestApplicationPinsWhoIsCalled: the member beside it does before it has answered; not for
// what is within a call, nor for what another method asks.
func TestApplicationPinsWhoIsCalled(t *testing.T) {
	t.Parallel()
	p := startPods(t, 2, nil)
	owner := p.owners(room)[0]
	alice, app, x := newPhone(t, "alice"), p.apps[owner], p.members[owner]
	alice.sendRaw(x.addr, []byte(alice.plain("MESSAGE", room)))
	app.reply(app.request("MESSAGE"), 200, "OK", "m")
	alice.status(200)
	if n := x.apps.Stats().Pins; n != 0 {
		t.Errorf("%d pins by a MESSAGE", n)
	}
	d := alice.ring(x.addr, room)
	invite := app.request("INVITE")
	if s := x.apps.Stats(); s.Pins != 1 || s.Calls != 0 {
		t.Errorf("%+v", s)
	}
	select {
	case <-x.apps.PinNews():
	default:
		t.Error("it is not to be written without delay")
	}
	if n := p.members[1-owner].apps.Stats().Pins; n != 0 {
		t.Errorf("%d pins at the other member", n)
	}
	app.reply(invite, 200, "OK", "a", "Contact: <"+app.contact()+">")
	d.answered(alice.status(200))
	d.ack()
	app.request("ACK")
	if s := x.apps.Stats(); s.Pins != 1 || s.Calls != 1 {
		t.Errorf("%+v", s)
	}
}
