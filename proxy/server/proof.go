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
	// phoneAnswer is how many bytes it may have in any case where a phone has
	// registered from: its list of contacts, if they are not many or long (RFC 3261
	// 10.3 step 8), and no more than one datagram holds on all paths.
	phoneAnswer = 1400
)

// mayRepeat is transaction.Options.Proven: a phone that has registered from an
// address and port is no stranger there, and must hear of a failure again if its ACK
// does not come (RFC 3261 17.2.1, Timer G), whether or not it was ever called.
func (s *Server) mayRepeat(f flow.Flow) bool {
	at, now := s.facts.address(f.Remote), s.now()
	return s.facts.has(at, receives, now) || s.facts.has(at, registers, now) || s.current().trustsFlow(f)
}

// prove notes where a response came from that the branch of one of our requests has
// led to.
func (m response) prove() {
	if !m.peer && m.from.Transport == flow.UDP {
		m.s.facts.add(m.s.facts.address(m.from.Remote), receives, m.now, m.now+remembered)
	}
}

// bound is how many bytes the answer to the request may have, all in all.
func (a *reply) bound() int {
	switch at := a.s.facts.address(a.back.Remote); {
	case a.back.Transport.Reliable() || a.s.facts.has(at, receives, a.now) || a.snap.trustsFlow(a.back):
		return math.MaxInt
	case a.s.facts.has(at, registers, a.now):
		return max(answerFactor*len(a.raw), phoneAnswer)
	}
	return answerFactor * len(a.raw)
}
