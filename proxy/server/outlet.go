package server

import (
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
	return o.s.send(b.Target().Flow, message) == nil
}

// statusOf reads the status code of a response that a table sends, which
// begins with "SIP/2.0 nnn".
func statusOf(response []byte) int {
	const at = len("SIP/2.0 ")
	if len(response) < at+3 {
		return 0
	}
	return int(response[at]-'0')*100 + int(response[at+1]-'0')*10 + int(response[at+2]-'0')
}
