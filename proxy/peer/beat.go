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

// A ping tells the epoch of the sender's member set and, to a peer that says in
// its hello that it reads this, when the next ping comes at the latest, in ms.
// Members have sets of different sizes for a moment, so each goes by what it is told.
const (
	shortPing = 8
	longPing  = shortPing + 4
)

// ourBeat is the interval of our pings on the stream.
func (s *stream) ourBeat() time.Duration {
	if !s.peer.Beats {
		return heartbeat // it waits for no more
	}
	return s.beat()
}

func (s *stream) ping(beat time.Duration) {
	var b [longPing]byte
	binary.BigEndian.PutUint64(b[:], s.epoch())
	binary.BigEndian.PutUint32(b[shortPing:], uint32(beat.Milliseconds()))
	payload := b[:]
	if !s.peer.Beats {
		payload = payload[:shortPing]
	}
	_ = s.append(kindPing, payload)
}

// pinged reads a ping and returns the epoch in it.
func (s *stream) pinged(payload []byte) (epoch uint64, ok bool) {
	switch len(payload) {
	case shortPing:
	case longPing:
		told := time.Duration(binary.BigEndian.Uint32(payload[shortPing:])) * time.Millisecond
		s.theirs.Store(int64(min(max(told, heartbeat), maxBeat)))
	default:
		return 0, false
	}
	return binary.BigEndian.Uint64(payload), true
}

// theirBeat is the interval of the peer's pings.
func (s *stream) theirBeat() time.Duration { return time.Duration(s.theirs.Load()) }
