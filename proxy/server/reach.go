package server

import (
	"slices"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/targets"
)

// reach gives every target its flow, and then forwards: at once, or when the last
// one is there, on whatever goroutine that comes.
func (r *request) reach() progress {
	if r.rings {
		return r.reachRinging()
	}
	if r.dialer.loses() {
		return r.awaitPhone(r.decision.AOR)
	}
	targets.PreferTCP(r.dialer.targets, len(r.msg.Raw), r.snap.tables)
	if r.dialer.takesTime() && !r.stateless {
		r.reply.trying = r.s.table.Trying(r.now, r.tx) // a resolver may take seconds, and so may a connection
	}
	if r.dialer.dial() {
		return r.forward()
	}
	return waits
}

// dialer finds flows for the targets of a message.
type dialer struct {
	m       *message
	targets []targets.Target
	missing atomic.Int32             // targets without a flow yet
	opened  []func(flow.Flow, error) // takes the flow of each target
	hops    []hops                   // of each target, where one of them has a name
	reached func()                   // called when no flow is missing any more, if dial has not said so
}

// loses takes out the targets whose connections are over, and reports whether that
// leaves none.
func (d *dialer) loses() bool {
	lost, left := false, false
	for i := range d.targets {
		t := &d.targets[i]
		if (t.Held.Conn != 0 || t.Held.IsOwnedUDP()) && !t.Failed && d.m.s.dead(t.Held) {
			t.Failed, lost = true, true
			d.m.s.missed(t.Held, t.AOR)
		}
		left = left || !t.Failed
	}
	return lost && !left
}

// takesTime reports whether a target has a name to find an address for, or may need a
// connection.
func (d *dialer) takesTime() bool {
	return slices.ContainsFunc(d.targets, func(t targets.Target) bool {
		return !t.Failed && !t.Held.IsHeld() && (t.To.Host != "" || t.To.Transport.Reliable())
	})
}

// dial looks for all flows, and reports whether it has found all that there are.
// Else d and its message must not be looked at before reached is called.
func (d *dialer) dial() bool {
	for i := len(d.opened); i < len(d.targets); i++ {
		d.opened = append(d.opened, d.opens(i))
	}
	d.clearHops()
	d.missing.Store(int32(len(d.targets)) + 1) // 1: this loop, which looks at d until it is over
	for i := range d.targets {
		d.find(i)
	}
	return d.missing.Add(-1) == 0
}

// find finds a target's flow: the connection that the callee has, or one to the
// address of its destination.
func (d *dialer) find(i int) {
	switch t := &d.targets[i]; {
	case t.Failed:
		d.found()
	case t.Held.IsOwnedUDP():
		t.Next, t.Failed = d.m.s.ownerNow(t.Held), !d.m.mayReach(t.Held.Remote)
		t.Next.Socket = d.m.from.Socket
		d.found()
	case t.Held.IsHeld():
		t.Next = t.Held
		d.found()
	case t.To.Host != "":
		d.lookUp(i)
	default:
		d.open(i)
	}
}

// open opens the flow to a target whose address is known, if the policy lets a request go
// there.
func (d *dialer) open(i int) {
	t := &d.targets[i]
	if t.To.Addr.Addr().IsValid() && !d.m.mayReach(t.To.Addr) {
		d.fail(i)
		return
	}
	if t.OrUDP && d.m.s.refusers.has(t.To.Addr, d.m.s.now()) {
		t.FallBack()
	}
	d.m.s.layer.Open(t.To, d.opened[i])
}

// opens returns what takes the flow of the i-th target. It is made once for each
// place in the list.
func (d *dialer) opens(i int) func(flow.Flow, error) {
	return func(f flow.Flow, err error) {
		t := &d.targets[i]
		if err != nil && d.fallBack(t, err) {
			d.m.s.layer.Open(t.To, d.opened[i])
			return
		}
		if err != nil {
			d.fail(i)
			return
		}
		t.Next = f
		t.Next.Socket = d.m.from.Socket
		d.found()
	}
}

// fail goes on with the next place of a target's name, or gives the target up.
func (d *dialer) fail(i int) {
	if d.nextHop(i) {
		d.open(i)
		return
	}
	d.targets[i].Failed = true
	d.found()
}

// found counts a target that has a flow, or never will.
func (d *dialer) found() {
	if d.missing.Add(-1) == 0 {
		d.reached()
	}
}
