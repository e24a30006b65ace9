package limit

import (
	"hash/maphash"
	"math/bits"
	"net/netip"
	"sync"
)

// Config of a Limiter. What is below 1 is taken as 1.
type Config struct {
	// Rate is how much a source may cause a second in the long run, at most 1e9.
	Rate int
	// Burst is how much a source that was idle may cause at once, at most 1e9.
	Burst int
	// Slots is how many sources with debt are told apart, rounded up to 7 times a
	// power of two. Each takes 18 bytes.
	Slots int
}

// Limiter bounds what each source causes. Its methods may be called
// concurrently.
type Limiter struct {
	seed  maphash.Seed
	cell  int64 // nanoseconds that one unit takes at the rate
	burst int64 // units
	mask  uint64
	sets  []set
}

// ways is how many sources a set has room for: it takes two cache lines then.
const ways = 7

// set has its own lock. What it holds is never less in debt than before.
type set struct {
	mu      sync.Mutex
	sources [ways]uint64
	tats    [ways]int64 // of sources, in nanoseconds
}

// New returns a Limiter that knows no source.
func New(c Config) *Limiter {
	sets := 1 << bits.Len(uint((max(c.Slots, 1)-1)/ways))
	return &Limiter{
		seed: maphash.MakeSeed(), cell: int64(1e9) / int64(min(max(c.Rate, 1), 1e9)), burst: int64(min(max(c.Burst, 1), 1e9)),
		mask: uint64(sets - 1), sets: make([]set, sets),
	}
}

// Allow reports whether the source may cause cost units more at now, which is in
// milliseconds and not negative, and charges them to it if so. A refusal costs
// nothing. A cost above the burst is always refused, one of 0 or less is free.
func (l *Limiter) Allow(now int64, source netip.Addr, cost int) bool {
	return l.AllowKey(now, Source(source), cost)
}

// AllowKey is Allow for a source of another kind, by a number that stands for it: any but
// 0.
func (l *Limiter) AllowKey(now int64, key uint64, cost int) bool {
	if cost <= 0 {
		return true
	}
	if int64(cost) > l.burst {
		return false
	}
	s := &l.sets[maphash.Comparable(l.seed, key)&l.mask]
	now *= 1e6
	latest := now + (l.burst-int64(cost))*l.cell
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(key)
	if s.tats[i] > latest {
		return false
	}
	s.sources[i], s.tats[i] = key, max(s.tats[i], now)+int64(cost)*l.cell
	return true
}

// find is the place of the source, or the one it may take: of the least debt.
func (s *set) find(key uint64) int {
	least := 0
	for i := range s.sources {
		if s.sources[i] == key {
			return i
		}
		if s.tats[i] < s.tats[least] {
			least = i
		}
	}
	return least
}
