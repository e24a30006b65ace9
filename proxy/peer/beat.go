package peer

import (
	"encoding/binary"
	"time"
)

// Bounds of what pings cost a member of a large cluster.
const (
	// maxPings is how many pings a second a member sends, to all others together:
	// above 60 of them each is sent fewer than one in a heartbeat.
	maxPings = 400
	// maxBeat bounds the interval, whatever a peer says of its own.
	maxBeat = 2 * time.Second
)

// beatFor is the interval of pings to each of the peers.
func beatFor(peers int) time.Duration {
	return min(max(heartbeat, time.Duration(peers)*time.Second/maxPings), maxBeat)
}

// silenceFor is how long nothing may arrive from a peer that pings at the
// interval. Two pings may be missing; what may hold up the peer or the network
// beside them takes no longer where there are more members.
func silenceFor(beat time.Duration) time.Duration { return silence + 2*(beat-heartbeat) }

// maxAhead bounds what a peer may tell of its clock, ms from ours: ten years.
const maxAhead = 10 * 365 * 24 * 3600 * 1000

// A ping tells the epoch of the sender's member set and, to a peer that says in
// its hello that it reads this, when the next ping comes at the latest, in ms, and
// what time it is, in ms since 1970 (what the clocks differ by is only shown).
// Members have sets of different sizes for a moment, so each goes by what it is told.
const (
	shortPing = 8
	longPing  = shortPing + 4
	timedPing = longPing + 8
)

// ourBeat is the interval of our pings on the stream.
func (s *stream) ourBeat() time.Duration {
	if !s.peer.Beats {
		return heartbeat // it waits for no more
	}
	return s.beat()
}

func (s *stream) ping(beat time.Duration) {
	var b [timedPing]byte
	binary.BigEndian.PutUint64(b[:], s.epoch())
	binary.BigEndian.PutUint32(b[shortPing:], uint32(beat.Milliseconds()))
	binary.BigEndian.PutUint64(b[longPing:], uint64(time.Now().UnixMilli()))
	payload := b[:]
	switch {
	case !s.peer.Beats:
		payload = payload[:shortPing]
	case !s.peer.Clocks:
		payload = payload[:longPing]
	}
	_ = s.append(kindPing, payload)
}

// pinged reads a ping and returns the epoch in it.
func (s *stream) pinged(payload []byte) (epoch uint64, ok bool) {
	switch len(payload) {
	case shortPing:
	case longPing, timedPing:
		if len(payload) == timedPing {
			ahead := int64(binary.BigEndian.Uint64(payload[longPing:])) - time.Now().UnixMilli()
			s.ahead.Store(min(max(ahead, -maxAhead), maxAhead))
		}
		told := time.Duration(binary.BigEndian.Uint32(payload[shortPing:])) * time.Millisecond
		s.theirs.Store(int64(min(max(told, heartbeat), maxBeat)))
	default:
		return 0, false
	}
	return binary.BigEndian.Uint64(payload), true
}

// theirBeat is the interval of the peer's pings.
func (s *stream) theirBeat() time.Duration { return time.Duration(s.theirs.Load()) }

// skew is by how much the wall clock of a peer that is up differs from this
// member's, at most. What a ping takes is part of it: a few milliseconds mean nothing.
func (t *links) skew() (most time.Duration) {
	for _, l := range t.all() {
		if s := l.stream(); s != nil {
			most = max(most, time.Duration(s.ahead.Load()).Abs()*time.Millisecond)
		}
	}
	return most
}
