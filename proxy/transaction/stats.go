package transaction

// Stats counts what a Table has done since it was made, but for the first three
// fields, which say what it holds.
type Stats struct {
	Held          int    `metric:"transactions" help:"Transactions held."`                                                          // contexts
	Open          int    `metric:"transactions_open" help:"Transactions without a final response."`                                 // contexts
	Setups        int    `metric:"calls_in_setup" help:"Calls being set up: INVITEs outside of a dialog without a final response."` // contexts
	Created       uint64 `metric:"transaction_events_total{event=created}" help:"What happened to transactions."`                   // contexts
	Overloaded    uint64 `metric:"transaction_events_total{event=overloaded}"`                                                      // requests refused, or targets left out, for want of room
	Repeated      uint64 `metric:"transaction_events_total{event=retransmission_received}"`                                         // retransmissions received
	Resent        uint64 `metric:"transaction_events_total{event=retransmission_sent}"`                                             // retransmissions sent, requests and responses
	Cancelled     uint64 `metric:"transaction_events_total{event=cancelled}"`                                                       // requests cancelled by the caller
	TimedOut      uint64 `metric:"transaction_events_total{event=branch_timed_out}"`                                                // branches without a final response in time (Timers B, C, F)
	RungOut       uint64 `metric:"transaction_events_total{event=rung_out}"`                                                        // INVITEs that rang as long as they may
	CallersGone   uint64 `metric:"transaction_events_total{event=caller_gone}"`                                                     // INVITEs given up because the caller's connection is over
	Unreachable   uint64 `metric:"transaction_events_total{event=branch_unreachable}"`                                              // branches whose target could not be reached
	Unanswered    uint64 `metric:"transaction_events_total{event=unanswered}"`                                                      // contexts that ended without a final response
	Yielded       uint64 `metric:"transaction_events_total{event=yielded}"`                                                         // INVITEs left to another member that holds them as well
	Unacked       uint64 `metric:"transaction_events_total{event=unacked}"`                                                         // failures to INVITE that no ACK came for (Timer H)
	LateSuccesses uint64 `metric:"transaction_events_total{event=late_success}"`                                                    // 2xx to INVITE that came after another final response was sent
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
	s.Setups += o.Setups
	s.Created += o.Created
	s.Overloaded += o.Overloaded
	s.Repeated += o.Repeated
	s.Resent += o.Resent
	s.Cancelled += o.Cancelled
	s.TimedOut += o.TimedOut
	s.RungOut += o.RungOut
	s.CallersGone += o.CallersGone
	s.Unreachable += o.Unreachable
	s.Unanswered += o.Unanswered
	s.Yielded += o.Yielded
	s.Unacked += o.Unacked
	s.LateSuccesses += o.LateSuccesses
}
