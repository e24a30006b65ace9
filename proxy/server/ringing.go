package server

import (
	"slices"
	"time"

	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/wire"
)

// A phone that rings may lose its connection, as all phones of a member that dies do. Its
// call is kept (lost.go), and waits like one to a phone that is away (waiting.go) until the
// phone has registered again, by whatever member. Then the INVITE goes to it anew. What
// else the call rings at is not concerned, nor does the caller hear of it. A phone that rings
// over UDP answers by whatever member.

// Bounds on requests that are kept while they ring, of those that are kept at all: what
// nobody has answered has the rest.
const (
	maxRinging      = maxSent / 2
	maxRingingBytes = maxSentBytes / 2
)

// Rings implements transaction.Again.
func (k *kept) Rings() bool {
	r := (*request)(k)
	return r.mayStrand && r.forBindings() && r.s.lost.ring(r)
}

// Stranded implements transaction.Again: see Lost. Each phone is waited for from when it was
// lost on.
func (k *kept) Stranded(since int64) {
	r := (*request)(k)
	r.rings, r.arrived = true, time.Duration(since)*time.Millisecond
	k.Lost()
}

// ring keeps a request on that has been answered provisionally, if there is room.
func (l *lost) ring(r *request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ringing >= maxRinging || l.ringingBytes+r.kept > maxRingingBytes {
		return false
	}
	l.ringing, l.ringingBytes, r.keptRinging = l.ringing+1, l.ringingBytes+r.kept, true
	return true
}

// reachRinging goes on with the phones of a request that have connections, of which those
// that it was lost by are some, or waits for these.
func (r *request) reachRinging() progress {
	d := &r.dialer
	if !slices.ContainsFunc(d.targets, func(t targets.Target) bool { return !r.gone(t) }) {
		return r.awaitPhone(r.decision.AOR)
	}
	d.targets = slices.DeleteFunc(d.targets, r.gone)
	if d.dial() { // it is: there is nothing to open
		return r.forward()
	}
	return waits
}

// gone reports whether a target is a connection that is no way to its phone any more.
func (r *request) gone(t targets.Target) bool {
	return t.Failed || t.Held.Conn == 0 || r.s.dead(t.Held)
}

// lapse ends the wait for phones that rang and have not come back, but for those that were lost
// later than the others. The request is kept on for what rings still.
func (r *request) lapse() progress {
	s := r.s
	if wait := s.waitFor(wire.MethodInvite); r.now >= (r.arrived + wait).Milliseconds() {
		if since, others := s.table.Expire(r.now, r.tx, r.now-wait.Milliseconds()); others {
			r.arrived = time.Duration(since) * time.Millisecond
			return r.awaitPhone(r.decision.AOR)
		}
	}
	r.leaveWaiting(waitExpired)
	if r.losses >= maxLosses || !s.lost.keep(r) {
		s.table.Lapse(r.now, r.tx, nil)
		return done
	}
	if s.table.Lapse(r.now, r.tx, (*kept)(r)) {
		return waits
	}
	s.lost.drop(r)
	return done
}
