package transaction

// Stats counts what a Table has done since it was made, but for the first two
// fields, which say what it holds.
type Stats struct {
	Held          int    // contexts
	Open          int    // contexts without a final response
	Created       uint64 // contexts
	Overloaded    uint64 // requests refused, or targets left out, for want of room
	Repeated      uint64 // retransmissions received
	Resent        uint64 // retransmissions sent, requests and responses
	Cancelled     uint64 // requests cancelled by the caller
	TimedOut      uint64 // branches without a final response in time (Timers B, C, F)
	RungOut       uint64 // INVITEs that rang as long as they may
	Unreachable   uint64 // branches whose target could not be reached
	Unanswered    uint64 // contexts that ended without a final response
	Yielded       uint64 // INVITEs left to another member that holds them as well
	Unacked       uint64 // failures to INVITE that no ACK came for (Timer H)
	LateSuccesses uint64 // 2xx to INVITE that came after another final response was sent
}

// Stats returns the counts.
func (t *Table) Stats() Stats {
	var sum Stats
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		sum.add(&s.stats, s.held)
		s.mu.Unlock()
	}
	return sum
}

func (s *Stats) add(o *Stats, held int) {
	s.Held += held
	s.Open += o.Open
	s.Created += o.Created
	s.Overloaded += o.Overloaded
	s.Repeated += o.Repeated
	s.Resent += o.Resent
	s.Cancelled += o.Cancelled
	s.TimedOut += o.TimedOut
	s.RungOut += o.RungOut
	s.Unreachable += o.Unreachable
	s.Unanswered += o.Unanswered
	s.Yielded += o.Yielded
	s.Unacked += o.Unacked
	s.LateSuccesses += o.LateSuccesses
}
