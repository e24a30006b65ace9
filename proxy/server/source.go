package server

import (
	"hash/maphash"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/location"
)

// A phone behind a NAT that lets in only what comes from where it has sent to is reached by
// one member: the one that its packets come to, whose answers leave through the translation
// that the phone has made. That member owns the flow, as it would own a connection, and the
// others give it what is for the phone (relay.go). Unlike a connection the flow outlives its
// owner, without a word of the phone: its next packet comes to another member, which takes
// the flow over (claim.go). To know such a packet, members remember the flows whose owner
// is gone (away.go), and which they own themselves (here).

// source is the far end of a UDP flow, as datagrams from there show it: the address and
// port, and the listener that they come to.
type source struct {
	at       netip.AddrPort
	listener uint16
}

// firstListener is how flows name the first listener of UDP, and how they did where there was
// none beside it, or there was by then: listeners are added and removed.
type firstListener struct{ number, other uint16 }

func newFirstListener(c *config.Config) firstListener {
	for _, l := range c.ListenersIn(nil) {
		if n := c.ListenerNumber(l.Port); l.Transport() == flow.UDP {
			return firstListener{number: n, other: uint16(l.Port) ^ n} // one of them is 0
		}
	}
	return firstListener{}
}

func sourceOf(f flow.Flow) source {
	return source{netip.AddrPortFrom(f.Remote.Addr().Unmap().WithZone(""), f.Remote.Port()), f.Listener}
}

// flow is the flow from there, with an owner.
func (k source) flow(o forward.Owner) flow.Flow {
	return flow.Flow{Remote: k.at, Listener: k.listener, Owner: o.ID, Life: o.Life}
}

var sourceSeed = maphash.MakeSeed()

func (k source) hash() uint64 { return maphash.Comparable(sourceSeed, k) }

const (
	// maxOwned is how many sources are noted as this member's. Where there is no room for more
	// it may own any.
	maxOwned = 1 << 18
	// callersOwned is how many there are at most when a caller is noted, who may be forged: it
	// shall not take the place of who registers.
	callersOwned = maxOwned / 2
	// ownedMillis is for how long a caller is noted that has not registered, or the flow of
	// no binding, and registersMillis for how long one that is about to be bound.
	ownedMillis     = 24 * 3_600_000
	registersMillis = 10_000

	sourceShards = 64
)

// owned are the sources whose flows this member owns, each until its registration ends.
// Safe for concurrent use.
type owned struct {
	count  atomic.Int64
	shards [sourceShards]struct {
		mu     sync.Mutex
		by     map[source]int64 // milliseconds: until then
		looked int64            // when it was full last, and looked through
	}
}

// add notes a source, if there is room, for at least as long as it was noted before.
func (o *owned) add(k source, now, until int64) { o.note(k, now, until, maxOwned/sourceShards) }

// addCaller notes a source that is not bound, or may not be.
func (o *owned) addCaller(k source, now int64) {
	o.note(k, now, now+ownedMillis, callersOwned/sourceShards)
}

func (o *owned) note(k source, now, until int64, most int) {
	s := &o.shards[k.hash()%sourceShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	before, has := s.by[k]
	if !has && len(s.by) >= most {
		if now-s.looked >= awayTick {
			s.looked = now
			o.purge(s.by, now)
		}
		if len(s.by) >= most {
			return
		}
	}
	if s.by == nil {
		s.by = map[source]int64{}
	}
	if !has {
		o.count.Add(1)
	}
	s.by[k] = max(before, until)
}

func (o *owned) purge(by map[source]int64, now int64) {
	for k, until := range by {
		if now >= until {
			delete(by, k)
			o.count.Add(-1)
		}
	}
}

func (o *owned) remove(k source) { o.lapse(k, math.MaxInt64) }

// lapse removes a source that is noted for no longer than until.
func (o *owned) lapse(k source, until int64) {
	s := &o.shards[k.hash()%sourceShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if noted, has := s.by[k]; has && noted <= until {
		delete(s.by, k)
		o.count.Add(-1)
	}
}

func (o *owned) has(k source, now int64) bool {
	s := &o.shards[k.hash()%sourceShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	return now < s.by[k]
}

// may reports whether the flow of a source may be this member's: it is noted, or could not
// be.
func (o *owned) may(k source, now int64) bool {
	s := &o.shards[k.hash()%sourceShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	return now < s.by[k] || len(s.by) >= callersOwned/sourceShards
}

// len counts them.
func (o *owned) len(now int64) int64 {
	for i := range o.shards {
		s := &o.shards[i]
		s.mu.Lock()
		o.purge(s.by, now)
		s.mu.Unlock()
	}
	return o.count.Load()
}

// owns is the owner of a flow that a UDP datagram came over, nobody where any member may
// send. behindNAT: what the datagram says of its sender's address is another one.
func (s *Server) owns(snap *snapshot, from flow.Flow, behindNAT bool) forward.Owner {
	if from.Transport != flow.UDP || !location.MayOwn(s.self, s.life) {
		return forward.Owner{}
	}
	switch snap.udpFlows(from.Listener) {
	case config.UDPFlowsOwned:
		return s.owner()
	case config.UDPFlowsAny:
	default:
		if behindNAT && !s.shared {
			return s.owner()
		}
	}
	return forward.Owner{}
}

// udpFlows is what the configuration says of flows of a listener.
func (s *snapshot) udpFlows(listener uint16) string {
	for i := range s.config.Listeners {
		if l := &s.config.Listeners[i]; l.Transport() == flow.UDP && s.config.ListenerNumber(l.Port) == listener {
			return l.UDPFlows
		}
	}
	return ""
}
