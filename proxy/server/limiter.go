package server

import (
	"net/netip"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/limit"
	"github.com/sipring/sipring/proxy/routing"
)

// limiter lets a number of events through each second; lock-free, safe for
// concurrent use. Around the turn of a second a few more may pass.
type limiter struct {
	perSecond int64
	second    atomic.Int64
	used      atomic.Int64
}

// allow reports whether one more may happen at now, in milliseconds.
func (l *limiter) allow(now int64) bool {
	if s := now / 1000; l.second.Load() != s {
		l.second.Store(s)
		l.used.Store(0)
	}
	return l.used.Add(1) <= l.perSecond
}

// shares let each source cause so much, and all together so much more that one
// cannot use it up. Safe for concurrent use.
type shares struct {
	each *limit.Limiter
	all  limiter
}

func newShares() *shares {
	return &shares{
		each: limit.New(limit.Config{Rate: maxAsks, Burst: maxAsks, Slots: 1 << 12}),
		all:  limiter{perSecond: maxAsks * sharesInAll},
	}
}

const sharesInAll = 50

// allow reports whether the source of m may cause one more.
func (s *shares) allow(m *message) bool {
	return (s.each.Allow(m.now, m.from.Remote.Addr(), 1) || m.snap.trustsFlow(m.from)) && s.all.allow(m.now)
}

// maxAsks is how many of each of these one source may cause a second: answers to
// malformed requests, ACKs and responses that the other members are asked about,
// ACKs and CANCELs of nothing here that are passed on, questions to all whose a
// contact is.
const maxAsks = 50

// limits are what sources may cause.
type limits struct {
	messages, begun                            *limit.Limiter
	refusals, asks, offers, strays, questioned *shares
	strangers                                  strangers
	awaits, asksAway, silent                   *limiter
}

func newLimits(c *config.Limits, cores int) limits {
	return limits{
		messages: limit.New(limit.Config{Rate: c.MessagesPerSecond, Burst: 2 * c.MessagesPerSecond, Slots: 1 << 14}),
		begun:    limit.New(limit.Config{Rate: c.NewPerSecond, Burst: 10 * c.NewPerSecond, Slots: 1 << 14}),
		refusals: newShares(), asks: newShares(), offers: newShares(),
		strays: newShares(), questioned: newShares(), strangers: newStrangers(cores),
		awaits: &limiter{perSecond: maxAwaits}, asksAway: &limiter{perSecond: maxAwaits}, silent: &limiter{perSecond: maxAwaits / 2},
	}
}

// trusts reports whether the limits are not for a source.
func (s *snapshot) trusts(source netip.Addr) bool {
	source = source.Unmap()
	for _, p := range s.trusted {
		if p.Contains(source) {
			return true
		}
	}
	return false
}

// trustsFlow is trusts of who sends over a flow: the application beside the proxy is
// trusted whatever its address.
func (s *snapshot) trustsFlow(f flow.Flow) bool {
	return f.Transport == flow.Local || s.trusts(f.Remote.Addr())
}

// tooMany reports, and counts, that a source sends more than can be anybody's use:
// nothing else is done for its message.
func (s *Server) tooMany(now int64, source netip.Addr) bool {
	if s.limits.messages.Allow(now, source, 1) || s.current().trusts(source) {
		return false
	}
	s.metrics.drop(dropFlood)
	return true
}

// mayBegin charges what is new to its source, and to all strangers if it is one, and
// reports whether it may begin. What is refused is dropped: its repetition may find
// room, and who is in the way of nobody is not told by answers. Over a connection nothing
// is repeated, nor forged, so it is answered there.
func (r *request) mayBegin() bool {
	source := r.from.Remote.Addr()
	if r.from.Transport == flow.Local {
		return true
	}
	if !r.s.limits.begun.Allow(r.now, source, 1) && !r.snap.trusts(source) {
		return r.refuseNew(dropNew)
	}
	cost := otherCost
	if r.decision.Action == routing.Register {
		cost = 1
	}
	if r.s.stranger(r.from, r.now) && !r.s.limits.strangers.begunOver(r.from).allow(r.now, source, cost) && !r.isExpected() {
		return r.refuseNew(dropStrangers)
	}
	return true
}

func (r *request) refuseNew(reason dropReason) bool {
	if r.from.Conn == 0 {
		r.s.metrics.drop(reason)
	} else {
		r.reply.respond(503, "Service Unavailable", r.retryAfter(5))
	}
	return false
}
