package server

import (
	"encoding/binary"
	"sync"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/location"
)

// A packet over a flow whose owner is gone has this member take the flow over, whatever the
// packet is: it shows that the NAT has a translation by which this member is reached. The
// binding gets the new owner by an update to its home (location.Update.Claim), and then all
// hear of it, so that what waits for the phone goes on. A flow that no binding has, that of
// a caller, is told of alone.
//
// Who forges the address and port of a phone has a member take its flow over that cannot
// reach it. So the others wait on for the phone's packets, for as long as they did, and the
// next of those takes the flow back; it is why nothing else follows from a packet than who
// sends to the address that it came from.

// maxClaims is how many claims are under way at a time: the packets beyond are none, and the
// next of those phones will be.
const maxClaims = 8192

// claimResult says what became of a packet over a flow whose owner was gone.
type claimResult uint8

const (
	claimTaken  claimResult = iota // this member owns the flow now
	claimLate                      // another one does, or the binding is over
	claimFailed                    // its home could not be asked
	claimNoRoom                    // a flow was not waited for, or not taken over, for want of room
	claimResults
)

var claimNames = [claimResults]string{claimTaken: "taken", claimLate: "late", claimFailed: "failed", claimNoRoom: "no_room"}

// claims are flows that this member takes over. Safe for concurrent use.
type claims struct {
	mu   sync.Mutex
	open int // under way
	free []*claim
}

// claim is one of them.
type claim struct {
	op     cluster.RegisterOp
	source source
	from   forward.Owner
	aor    []byte
	until  int64 // milliseconds: for how long the flow is noted meanwhile, 0 if it was before
}

// claimIfAway takes a flow over if a packet over it was waited for.
func (s *Server) claimIfAway(f flow.Flow) {
	now, k := s.now(), sourceOf(f)
	e, ok := s.away.take(now, k)
	if !ok && k.listener == s.first.number {
		k.listener = s.first.other
		e, ok = s.away.take(now, k)
	}
	if ok && e.owner != s.owner() && location.MayOwn(s.self, s.life) && !s.current().superseded && !s.claim(now, k, e) {
		s.away.add(now, k, e)
	}
}

// claim takes a flow over, and reports whether there was room. All hear of it at once, so
// that what is under way to the phone finds it, and once more when the home of the binding
// has agreed: of two members that claim a flow at a time that one is the last to say so.
func (s *Server) claim(now int64, k source, e absent) bool {
	c := s.claims.begin(s.takes)
	if c == nil {
		s.metrics.claims[claimNoRoom].Inc()
		return false
	}
	c.source, c.from, c.aor = k, e.owner, append(c.aor[:0], e.aor...)
	if c.until = now + awayMillis; s.owned.has(k, now) { // who registers over it just now
		c.until = 0
	}
	s.took(now, c, now+awayMillis)
	if len(c.aor) == 0 {
		s.owned.addCaller(k, now)
		s.metrics.claims[claimTaken].Inc()
		s.claims.end(c)
		return true
	}
	c.op.Update = location.Update{
		AOR: c.aor, Claim: true, Flow: k.flow(s.owner()), From: location.Owner{ID: c.from.ID, Life: c.from.Life},
	}
	s.cluster.Register(&c.op)
	return true
}

// takes is called when a claim has been to its home.
func (s *Server) takes(c *claim) {
	now := s.now()
	taken, until, other := false, int64(0), forward.Owner{}
	for b := range c.op.Record.Live(c.op.Now) {
		switch o := ownerOf(b.Flow); {
		case !b.Flow.IsOwnedUDP() || sourceOf(b.Flow) != c.source:
		case o == s.owner():
			taken, until = true, max(until, now+b.ExpiresAt-c.op.Now)
		default:
			other = o
		}
	}
	result := claimLate
	switch {
	case c.op.Status != location.StatusOK:
		result = claimFailed // it has the flow all the same, as long as nobody else says so
		s.away.add(now, c.source, absent{owner: c.from, aor: string(c.aor), until: now + awayMillis, rested: now})
	case taken:
		result = claimTaken
		s.took(now, c, until)
		s.back(c.aor)
	default:
		s.owned.lapse(c.source, c.until)
		if other.ID != 0 { // whose packet it was the phone's next one says
			s.away.add(now, c.source, absent{owner: other, aor: string(c.aor), until: now + awayMillis, rested: now})
		}
	}
	s.metrics.claims[result].Inc()
	s.claims.end(c)
}

// took notes that this member owns a flow now, and tells the others.
func (s *Server) took(now int64, c *claim, until int64) {
	s.owned.add(c.source, now, until)
	s.taken.add(c.source, c.from, s.owner())
	s.toAll(frameTaken, takenFrame(c.source, c.from, s.owner()))
	s.deaths.news.Store(true) // what was sent by way of the one before
	s.wakeFlow(c.source)
	s.nudge()
}

// takenFrame is a frameTaken of one flow.
func takenFrame(k source, from, to forward.Owner) []byte {
	frame := flow.Append(nil, k.flow(to))
	for _, o := range [...]forward.Owner{to, from} {
		frame = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(frame, o.ID), o.Life)
	}
	return frame
}

// takenAtPeer takes a frameTaken: flows that the sender owns now.
func (s *Server) takenAtPeer(member uint32, payload []byte) {
	now := s.now()
	for n := 0; len(payload) > 0; n++ {
		f, rest, ok := cutOwned(payload)
		if !ok || f.Owner != member || len(rest) < 8 || n == maxTold {
			s.metrics.drop(dropPeerFrame)
			break
		}
		from := forward.Owner{ID: binary.BigEndian.Uint32(rest), Life: binary.BigEndian.Uint32(rest[4:])}
		payload = rest[8:]
		k := sourceOf(f)
		if s.lives(from) && from != s.owner() && !s.away.has(k) { // nobody misses it
			continue
		}
		s.taken.add(k, from, ownerOf(f))
		if had := s.away.change(now, k, ownerOf(f)); !had && from == s.owner() {
			// Unless that was a forged packet the phone's are there, and not here.
			s.away.add(now, k, absent{owner: ownerOf(f), until: now + awayMillis, rested: now})
		}
		s.owned.remove(k)
		s.wakeFlow(k)
	}
	s.deaths.news.Store(true)
	s.nudge()
}

// begin returns a claim, nil if too many are under way.
func (l *claims) begin(takes func(*claim)) *claim {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= maxClaims {
		return nil
	}
	l.open++
	if n := len(l.free); n > 0 {
		c := l.free[n-1]
		l.free = l.free[:n-1]
		return c
	}
	c := &claim{}
	c.op.Done = func(*cluster.RegisterOp) { takes(c) }
	return c
}

// end lets a claim go.
func (l *claims) end(c *claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open--; len(l.free) < maxKeptClaims {
		l.free = append(l.free, c)
	}
}

const maxKeptClaims = 256

// flowKey is what a request waits for that waits for a flow: no address-of-record.
func flowKey(dst []byte, k source) []byte {
	return flow.Append(append(dst, 0), k.flow(forward.Owner{}))
}

// wakeFlow looks up what waits for a flow.
func (s *Server) wakeFlow(k source) {
	if s.waiting.count.Load() > 0 {
		s.wake(flowKey(nil, k))
	}
}
