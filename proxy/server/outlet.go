package server

import (
	"bytes"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/wire"
)

// outlet sends what the transaction table says.
type outlet struct{ s *Server }

func (s *Server) newTable(timers transaction.Timers, contexts int) *transaction.Table {
	return transaction.NewTable(transaction.Options{
		Timers: timers, MaxContexts: contexts, Begun: s.transactionsBegun,
		Silent: s.noteSilent, Unacked: s.noteUnacked,
		Proven: s.mayRepeat, Answered: s.metrics.answered, Ended: s.checks.Ends,
	}, outlet{s})
}

// transactionsBegun starts the timers, which stand while there is no transaction.
func (s *Server) transactionsBegun() {
	select {
	case s.begun <- struct{}{}:
	default:
	}
}

// Upstream implements transaction.Outlet.
func (o outlet) Upstream(c *transaction.ResponseContext, to flow.Flow, response []byte, madeHere bool) {
	o.s.answer(to, response)
	status, method, by := statusOf(response), c.Method(), forwarded
	if madeHere {
		by = local
		if method == wire.MethodInvite && status/100 == 2 {
			method = wire.MethodCancel // whose 200 is all of that kind that a table makes
		}
	}
	o.s.metrics.sent(method, status, by)
}

// Downstream implements transaction.Outlet.
func (o outlet) Downstream(_ *transaction.ResponseContext, b *transaction.Branch, message []byte) bool {
	to := b.Target().Flow
	if to.IsOwnedUDP() {
		return o.s.sendOwned(to, message, b.Repeated())
	}
	return o.s.send(to, message) == nil
}

// sendOwned sends a message over a UDP flow that has an owner, and reports whether what is
// to come of it is to be waited for. If the owner is gone the packet is waited for that says
// who has the flow now; so it is where what is sent is repeated, as nobody answers. An ACK or
// a CANCEL is a datagram that is lost then, and is repeated.
func (s *Server) sendOwned(to flow.Flow, message []byte, repeated bool) bool {
	err := s.send(to, message)
	switch {
	case err != nil:
		s.missed(to, nil)
	case repeated && s.limits.silent.allow(s.now()):
		s.missed(to, nil)
	}
	return err == nil || bytes.HasPrefix(message, cancelStart) || bytes.HasPrefix(message, ackStart)
}

var cancelStart, ackStart = []byte("CANCEL "), []byte("ACK ")

// statusOf reads the status code of a response that a table sends, which
// begins with "SIP/2.0 nnn".
func statusOf(response []byte) int {
	const at = len("SIP/2.0 ")
	if len(response) < at+3 {
		return 0
	}
	return int(response[at]-'0')*100 + int(response[at+1]-'0')*10 + int(response[at+2]-'0')
}
