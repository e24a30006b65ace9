package server

import (
	"hash/maphash"
	"math"
	"net/netip"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/flow"
)

// Whoever forges the source of a request has the answer sent to others. What is
// known to receive is an address and port that has answered a request of ours
// lately: the branch in that, which nobody can make up, was sent there and to
// nobody else. A token proves less: both ends of a call see it.
const (
	// answerFactor is how many bytes an answer may have for each byte that it
	// answers, where nothing is known of the source.
	answerFactor = 2
	// proofMinutes is how long an address counts as one that receives.
	proofMinutes = 60
	proofPlaces  = 1 << 15 // a power of two, 8 bytes each
	minuteMask   = 1<<16 - 1
)

// proofs are the addresses that are known to receive. Each has one place, by a hash
// with a seed of this process, where a later one may take it from it: who loses it
// has shorter answers, and no more. Safe for concurrent use, without a lock.
type proofs struct {
	seed   maphash.Seed
	places []atomic.Uint64 // most of the hash, and the minute modulo 2^16
}

func newProofs() proofs {
	return proofs{seed: maphash.MakeSeed(), places: make([]atomic.Uint64, proofPlaces)}
}

func (p *proofs) place(a netip.AddrPort) (*atomic.Uint64, uint64) {
	h := maphash.Comparable(p.seed, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	return &p.places[h%proofPlaces], h &^ minuteMask
}

// add notes that an address receives, at now in milliseconds.
func (p *proofs) add(now int64, a netip.AddrPort) {
	place, h := p.place(a)
	if v := h | minute(now); place.Load() != v {
		place.Store(v)
	}
}

// has reports whether an address was added within the hour.
func (p *proofs) has(now int64, a netip.AddrPort) bool {
	place, h := p.place(a)
	v := place.Load()
	return v&^minuteMask == h && (minute(now)-v)&minuteMask < proofMinutes
}

// minute of a time. An empty place has minute 0, so the process begins with a later
// one.
func minute(now int64) uint64 { return (uint64(now)/60_000 + proofMinutes) & minuteMask }

// proven is transaction.Options.Proven.
func (s *Server) proven(f flow.Flow) bool { return s.proofs.has(s.now(), f.Remote) }

// prove notes where a response came from that the branch of one of our requests has
// led to.
func (m *message) prove() {
	if !m.peer {
		m.s.proofs.add(m.now, m.from.Remote)
	}
}

// bound is how many bytes the answer to the request may have, all in all.
func (r *request) bound() int {
	if r.back.Transport.Reliable() || r.s.proofs.has(r.now, r.back.Remote) {
		return math.MaxInt
	}
	return answerFactor * len(r.raw)
}
