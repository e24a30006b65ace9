package server

import (
	"bytes"
	"net/netip"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/limit"
)

// Who forges addresses has as many sources as it likes, and the limits of each are
// nothing to it. So all of whom nothing is known have a share together, which leaves
// the CPU to those who have registered through this process or answered a request of
// it: about a quarter of each core. One source has an eighth of that at most.
//
// After a power cut all phones are strangers, and all come at once. What is not let in
// is dropped, and comes again as RFC 3261 17.1.2.2 has it, half a second later, then
// one, two, and every four: before it is given up after 32 seconds one core has taken
// 100,000 registrations.
const (
	// strangersRead is how many requests of strangers are read a second, for each core.
	strangersRead = 10_000
	// strangersBegin is how many registrations strangers may begin a second, for each
	// core; other requests, which make a transaction and branches, count for more.
	strangersBegin = 8_000
	otherCost      = 4
	// strangerPart is the part of either that one source can have.
	strangerPart = 8
	// strangersBurst is the part of a second whose worth may come at once: what is let
	// in at a time delays what is known.
	strangersBurst = 5
	// connectedPart is strangerPart over connections: as many phones as one source may have
	// connections.
	connectedPart = 4
)

// strangers are the budgets of all of whom nothing is known, in fixed memory. Safe
// for concurrent use. Over a connection no source is forged, so what begins there has a
// budget of its own, a second's worth of it at once: the phones of a member that has died
// are strangers to the others, and are not to be sent away.
type strangers struct{ read, begun, connected pool }

// pool is a budget of all sources, of which each has a part.
type pool struct{ each, all *limit.Limiter }

func newStrangers(cores int) strangers {
	begin := cores * strangersBegin
	return strangers{
		read: newPool(cores*strangersRead, strangerPart, strangersBurst), begun: newPool(begin, strangerPart, strangersBurst),
		connected: newPool(begin, connectedPart, 1),
	}
}

// newPool is a budget of so much a second, of which a source may have a part, and another
// part of a second's may come at once.
func newPool(perSecond, part, burst int) pool {
	return pool{
		each: limit.New(limit.Config{Rate: perSecond / part, Burst: perSecond / part, Slots: 1 << 13}),
		all:  limit.New(limit.Config{Rate: perSecond, Burst: perSecond / burst, Slots: 1}),
	}
}

// begunOver is the budget of what strangers begin over a flow.
func (s *strangers) begunOver(f flow.Flow) *pool {
	if f.Conn != 0 {
		return &s.connected
	}
	return &s.begun
}

// everybody stands for all sources.
var everybody netip.Addr

// allow reports whether a source may cause cost units more at now, in milliseconds.
func (p pool) allow(now int64, source netip.Addr, cost int) bool {
	return p.each.Allow(now, source, cost) && p.all.Allow(now, everybody, cost)
}

// stranger reports whether nothing is known of who sends over a flow.
func (s *Server) stranger(f flow.Flow, now int64) bool {
	return !s.facts.has(s.facts.source(f.Remote.Addr()), known, now) &&
		!s.facts.has(s.facts.address(f.Remote), receives, now) && !s.current().trustsFlow(f)
}

// tooManyStrangers reports, and counts, that a request comes from a stranger while too
// many do. Responses are read: whoever was called through here, and has registered
// elsewhere, answers as a stranger, and one that nobody asked for costs little.
func (s *Server) tooManyStrangers(f flow.Flow, now int64, data []byte) bool {
	if bytes.HasPrefix(data, responsePrefix) || !s.stranger(f, now) || s.limits.strangers.read.allow(now, f.Remote.Addr(), 1) {
		return false
	}
	s.metrics.drop(dropStrangers)
	return true
}

var responsePrefix = []byte("SIP/2.0 ")
