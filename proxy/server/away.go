package server

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/location"
)

// Which packets are the first of a phone whose member is gone, a member knows by what others
// have told it: the home of each address-of-record walks over its bindings when a member
// goes, and again every 20 s, and tells all of those that this one owned (cluster.Away,
// frameAway). So does who has something for a phone whose owner is gone, or that does not
// answer. Who has taken the flow over before says so (frameTaken).
//
// The other way, to ask about each packet of a source that is not known here, would cost a
// question for each of a flood from forged sources. So a packet costs a look into a table
// that is empty while nobody is missed, whoever sends it.

const (
	// awayMillis is for how long a member waits for the next packet over a flow: longer than
	// it takes until it is told once more, and than phones take from one keep-alive to the
	// next.
	awayMillis = 60_000
	// claimPause is how soon after a flow was taken over it can be again: packets of a phone
	// that were on their way to several members do not have them all take it.
	claimPause = 1000
	// Bounds on flows whose next packet is waited for.
	maxAway      = 1 << 17
	maxAwayBytes = 32 << 20
	awayBytes    = 160 // what each takes, without the address-of-record
)

// away are UDP flows whose owner is gone, or may be. Safe for concurrent use; while there is
// none, looking costs one load.
type away struct {
	count, bytes atomic.Int64
	shards       [sourceShards]struct {
		mu     sync.RWMutex
		by     map[source]absent
		looked int64 // when it was full last, and looked through
	}
}

// absent is what is known of such a flow.
type absent struct {
	owner  forward.Owner // that it has, or had
	aor    string        // of the binding, empty where none is known
	until  int64         // milliseconds
	rested int64         // when it was taken over last; 0: it was not
}

// add has the next packet over a flow waited for, and reports whether there is room. now is
// in milliseconds.
func (a *away) add(now int64, k source, e absent) bool {
	s := &a.shards[k.hash()%sourceShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	old, has := s.by[k]
	if has && len(e.aor) == 0 {
		e.aor = old.aor
	}
	size := int64(len(e.aor)) - int64(len(old.aor))
	if !has {
		size += awayBytes
	}
	if !has && (len(s.by) >= maxAway/sourceShards || a.bytes.Load()+size > maxAwayBytes) {
		if now-s.looked >= awayTick {
			s.looked = now
			a.purge(s.by, now)
		}
		if len(s.by) >= maxAway/sourceShards || a.bytes.Load()+size > maxAwayBytes {
			return false
		}
	}
	if s.by == nil {
		s.by = map[source]absent{}
	}
	if !has {
		a.count.Add(1)
	} else if old.owner == e.owner {
		e.rested = max(e.rested, old.rested)
	}
	a.bytes.Add(size)
	s.by[k] = e
	return true
}

func (a *away) purge(by map[source]absent, now int64) {
	for k, e := range by {
		if now >= e.until {
			a.drop(by, k, e)
		}
	}
}

func (a *away) drop(by map[source]absent, k source, e absent) {
	delete(by, k)
	a.count.Add(-1)
	a.bytes.Add(-awayBytes - int64(len(e.aor)))
}

// change has whoever waits for a flow wait for one of another owner, if anybody does.
func (a *away) change(now int64, k source, to forward.Owner) (had bool) {
	if a.count.Load() == 0 {
		return false
	}
	s := &a.shards[k.hash()%sourceShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	e, has := s.by[k]
	if has {
		e.owner, e.rested = to, now
		s.by[k] = e
	}
	return has
}

// has reports whether a flow is waited for.
func (a *away) has(k source) bool {
	if a.count.Load() == 0 {
		return false
	}
	s := &a.shards[k.hash()%sourceShards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, has := s.by[k]
	return has
}

// take takes out a flow whose next packet has come, if it is one.
func (a *away) take(now int64, k source) (e absent, ok bool) {
	s := &a.shards[k.hash()%sourceShards]
	s.mu.RLock()
	_, has := s.by[k]
	s.mu.RUnlock()
	if !has {
		return e, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, has = s.by[k]
	switch {
	case !has || e.rested != 0 && now-e.rested < claimPause:
		return e, false
	case now >= e.until:
		a.drop(s.by, k, e)
		return e, false
	}
	a.drop(s.by, k, e)
	return e, true
}

// len counts those that are waited for, and lets go of what is over.
func (a *away) len(now int64) int64 {
	for i := range a.shards {
		s := &a.shards[i]
		s.mu.Lock()
		a.purge(s.by, now)
		s.mu.Unlock()
	}
	return a.count.Load()
}

// HandleAway implements peer.Handler: all members are told of flows whose owners are gone.
func (s *Server) HandleAway(flows []cluster.Away) {
	if !s.serving.Load() {
		return
	}
	frame, n := []byte(nil), 0
	for i, f := range flows {
		frame, n = appendAway(frame, f.Flow, f.AOR), n+1
		if n == maxTold || len(frame) >= maxAwayFrame || i == len(flows)-1 {
			s.awayTold(s.self, frame)
			s.toAll(frameAway, frame)
			frame, n = frame[:0], 0
		}
	}
}

// maxAwayFrame is how many bytes a frameAway has, about.
const maxAwayFrame = 64 << 10

// missed is called with a flow that is over, for what is to go to the phone: if it leads
// through a NAT, the packet that tells the way to the phone is waited for.
func (s *Server) missed(f flow.Flow, aor []byte) {
	if f.IsOwnedUDP() {
		s.tellAway(f, aor)
	}
}

// tellAway has all members wait for the next packet over a flow, or say that it has come.
// aor is whose it is, if that is known. A rate bounds it.
func (s *Server) tellAway(f flow.Flow, aor []byte) {
	if now := s.now(); !s.limits.asksAway.allow(now) {
		return
	}
	frame := appendAway(nil, f, aor)
	s.awayTold(s.self, frame)
	s.toAll(frameAway, frame)
}

// awayTick is how often what is waited for no more is let go of, in milliseconds.
const awayTick = 1000

// tendAway lets go of what has been waited for long enough. Called by the timers.
func (s *Server) tendAway(now int64) {
	if s.away.count.Load() > 0 && now-s.purged >= awayTick {
		s.purged = now
		s.away.len(now)
	}
}

// appendAway appends a flow, its owner, and whose it is, as frameAway has them.
func appendAway(dst []byte, f flow.Flow, aor []byte) []byte {
	dst = flow.Append(dst, f)
	dst = binary.BigEndian.AppendUint32(dst, f.Owner)
	dst = binary.BigEndian.AppendUint32(dst, f.Life)
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(aor))), aor...)
}

// cutOwned reads a UDP flow and its owner.
func cutOwned(b []byte) (f flow.Flow, rest []byte, ok bool) {
	rest, ok = flow.Cut(b, &f)
	if !ok || f.Transport != flow.UDP || !f.IsValid() || len(rest) < 8 {
		return f, nil, false
	}
	f.Owner, f.Life = binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:])
	return f, rest[8:], location.MayOwn(f.Owner, f.Life)
}

// awayTold takes a frameAway. Whoever owns one of the flows says so; the others wait for
// what comes over it.
func (s *Server) awayTold(from uint32, payload []byte) {
	now := s.now()
	for n := 0; len(payload) > 0; n++ {
		f, rest, ok := cutOwned(payload)
		if !ok || len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) || n == maxTold {
			s.metrics.drop(dropPeerFrame)
			return
		}
		size := int(binary.BigEndian.Uint16(rest))
		aor := rest[2 : 2+size]
		payload = rest[2+size:]
		switch k := sourceOf(f); {
		case ownerOf(f) == s.owner():
		case s.owned.has(k, now) && len(aor) > 0: // which its home does not know
			s.claim(now, k, absent{owner: ownerOf(f), aor: string(aor)})
		case s.owned.has(k, now) && from == s.self: // since it has registered here, of which nobody was told
			s.taken.add(k, ownerOf(f), s.owner())
			s.deaths.news.Store(true)
			s.wakeFlow(k)
			s.nudge()
		case s.owned.has(k, now):
			_ = s.cluster.Send(from, frameTaken, takenFrame(k, ownerOf(f), s.owner())) // lost: asked again
		case !s.away.add(now, k, absent{owner: ownerOf(f), aor: string(aor), until: now + awayMillis}):
			s.metrics.claims[claimNoRoom].Inc()
		}
	}
}
