package routing

import (
	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/wire"
)

const (
	// spreadPart is the part of a lifetime by which it may be granted shorter, so that
	// phones which have registered all at once do not come again so.
	spreadPart = 10
	// leastSpread is the shortest lifetime, in seconds, that is: what a phone asks for to
	// be seen sooner is as it asks.
	leastSpread = 600
)

// spread is the lifetime that is granted to a user who asks for so many seconds (RFC
// 3261 10.2.8, 10.3 step 8: the registrar may shorten it): for one request, and what
// repeats it, the same at every member.
func (t *Tables) spread(seconds uint32, m *wire.Message) uint32 {
	if seconds < leastSpread {
		return seconds
	}
	number, _, _ := m.CSeq()
	h := xxhash.Sum64(m.CallID()) + uint64(number)*0x9e3779b97f4a7c15
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9 // as splitmix64: counts that follow each other are far apart
	less := uint32((h >> 32) * uint64(seconds/spreadPart) >> 32)
	return max(seconds-less, uint32(t.registrar.MinExpires))
}
