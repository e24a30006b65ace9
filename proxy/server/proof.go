package server

import (
	"math"

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
	// proofPlaces is how many addresses are remembered.
	proofPlaces = 1 << 15
)

// proven is transaction.Options.Proven.
func (s *Server) proven(f flow.Flow) bool { return s.proofs.has(s.now(), s.proofs.address(f.Remote)) }

// prove notes where a response came from that the branch of one of our requests has
// led to.
func (m *message) prove() {
	if !m.peer {
		m.s.proofs.add(m.now, m.s.proofs.address(m.from.Remote))
	}
}

// bound is how many bytes the answer to the request may have, all in all.
func (r *request) bound() int {
	if r.back.Transport.Reliable() || r.s.proven(r.back) {
		return math.MaxInt
	}
	return answerFactor * len(r.raw)
}
