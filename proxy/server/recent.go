package server

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
)

// recent remembers things for an hour, in memory of a fixed size. Each has one
// place, by a hash with a seed of this process, where a later one may take it from
// it: what is forgotten so is taken for new. Safe for concurrent use, without a
// lock.
type recent struct {
	seed   maphash.Seed
	places []atomic.Uint64 // most of the hash, and the minute modulo 2^16
}

const (
	recentMinutes = 60
	minuteMask    = 1<<16 - 1
)

// newRecent has room for so many things, of 8 bytes each.
func newRecent(places int) recent {
	return recent{seed: maphash.MakeSeed(), places: make([]atomic.Uint64, places)}
}

// address is the hash of an address and port.
func (p *recent) address(a netip.AddrPort) uint64 {
	return maphash.Comparable(p.seed, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
}

// nameAt is the hash of a name at an address.
func (p *recent) nameAt(name []byte, a netip.Addr) uint64 {
	return 31*maphash.Bytes(p.seed, name) ^ maphash.Comparable(p.seed, a.Unmap())
}

// add notes a thing by its hash, at now in milliseconds.
func (p *recent) add(now int64, hash uint64) {
	place, v := &p.places[hash%uint64(len(p.places))], hash&^minuteMask|minute(now)
	if place.Load() != v {
		place.Store(v)
	}
}

// has reports whether a thing was added within the hour, and is remembered.
func (p *recent) has(now int64, hash uint64) bool {
	v := p.places[hash%uint64(len(p.places))].Load()
	return (v^hash)&^minuteMask == 0 && (minute(now)-v)&minuteMask < recentMinutes
}

// minute of a time. An empty place has minute 0, so the process begins with a later
// one.
func minute(now int64) uint64 { return (uint64(now)/60_000 + recentMinutes) & minuteMask }
