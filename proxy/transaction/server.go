package transaction

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// serverState is the state of the server transaction (RFC 3261 17.2, RFC 6026
// 7.1).
type serverState uint8

const (
	serverTrying     serverState = iota // nothing sent yet
	serverProceeding                    // a provisional response was sent
	serverCompleted                     // a final response was sent; INVITE: not a 2xx
	serverConfirmed                     // INVITE: the ACK came
	serverAccepted                      // INVITE: a 2xx was sent
	serverTerminated
)

// serverTransaction is the transaction that a request arrived in.
type serverTransaction struct {
	resendAt    int64 // Timer G; the 100 to a non-INVITE
	limitAt     int64 // Timers H, I, J, L; how long to wait for a Fork or an answer
	resendEvery int64

	status uint16 // of the final response sent, 0 before
	method wire.Method
	state  serverState
	local  bool // last was made here
	setup  bool // an INVITE outside of a dialog

	caller   uint64    // whose call is being set up, of those that are counted; 0: nobody's
	source   flow.Flow // where responses go (RFC 3261 18.2.2, RFC 3581 4)
	template []byte    // the 100 to the request; every response made here copies its headers
	last     []byte    // the response a retransmission gets, nil for the template
	credit   credit
}

// become is the one place where the state changes, and with it the timers. A state
// that lasts no time over a reliable transport is over at once.
func (s *serverTransaction) become(e *event, state serverState) {
	if s.open() && state > serverProceeding {
		e.stats.Open--
		if s.setup {
			e.stats.Setups--
		}
		if s.caller != 0 {
			e.ended(s.caller)
		}
	}
	reliable := s.source.Transport.Reliable()
	s.state, s.resendAt = state, never
	switch {
	case state == serverTrying:
		s.limitAt = e.now + e.timeout
		if !s.invite() { // whose 100 goes with the first branch
			s.resendAt = e.now + e.late100
		}
	case state == serverCompleted && s.invite():
		s.limitAt = e.now + e.timeout // Timer H
		if !reliable {
			s.resendEvery = e.t1
			s.resendAt = e.now + e.t1 // Timer G
		}
	case state == serverCompleted:
		s.limitAt = e.now + unless(reliable, e.timeout) // Timer J
	case state == serverConfirmed:
		s.limitAt = e.now + unless(reliable, e.t4) // Timer I
	case state == serverAccepted:
		s.limitAt = e.now + e.timeout // Timer L
	case state == serverTerminated:
		s.limitAt = never
		s.drop(e)
	}
	if state > serverProceeding && s.limitAt <= e.now {
		s.become(e, serverTerminated)
	}
}

// drop gives back what responses are made from, and the last one.
func (s *serverTransaction) drop(e *event) {
	e.pool.release(&s.template)
	e.pool.release(&s.last)
}

// follow reports whether a message of the transaction is from the same sender, to whom
// responses go by the port that it has now: a NAT, or the connection tracking of a node,
// that has forgotten the flow gives it another one, and passes nothing back by the old
// one (RFC 3581 4). A sender elsewhere may be one who has seen the Via, such as the
// callee. Whoever sends over another connection of the same transport has lost the first.
func (s *serverTransaction) follow(src flow.Flow) bool {
	reliable := src.Transport.Reliable() || s.source.Transport.Reliable()
	if !reliable && src.Remote == s.source.Remote {
		return true
	}
	if src.Remote.Addr() != s.source.Remote.Addr() || reliable && src.Transport != s.source.Transport {
		return false
	}
	s.source = src
	return true
}

func (s *serverTransaction) invite() bool { return s.method == wire.MethodInvite }

// open reports whether no final response has been sent yet.
func (s *serverTransaction) open() bool { return s.state <= serverProceeding }

// accept begins the transaction of a request.
func (s *serverTransaction) accept(e *event, req *wire.Message, src flow.Flow) {
	s.source, s.method = src, req.Method()
	s.setup = s.invite() && len(req.ToTag()) == 0
	s.template = e.buildTemplate(req, src)
	s.credit.earn(len(req.Raw))
	e.stats.Created++
	e.stats.Open++
	if s.setup {
		e.stats.Setups++
	}
	s.become(e, serverTrying)
}

// leaveToBranches lets an INVITE wait as long as its branches do: each of them
// ends in time.
func (s *serverTransaction) leaveToBranches() { s.limitAt = never }

// repeated handles a retransmission of the request (RFC 3261 17.2.1, 17.2.2).
func (s *serverTransaction) repeated(e *event) {
	e.stats.Repeated++
	if s.state == serverProceeding || s.state == serverCompleted {
		s.resendLast(e)
	}
}

// sayTrying sends the 100, if nothing has been sent yet and it leaves as much for
// the answer.
func (s *serverTransaction) sayTrying(e *event) {
	if s.state == serverTrying {
		s.become(e, serverProceeding)
		if s.affords(e, 2*len(s.template), 2) {
			e.upstream(s.template, true)
		}
	}
}

func (s *serverTransaction) resendLast(e *event) {
	last, local := s.last, s.local
	if last == nil {
		last, local = s.template, true
	}
	if s.affords(e, len(last), 1) {
		e.stats.Resent++
		e.upstream(last, local)
	}
}

// acknowledge takes an ACK and reports whether it is for a failure sent here.
// That to a 2xx belongs to the caller's core (RFC 6026 7.1).
func (s *serverTransaction) acknowledge(e *event) bool {
	if s.status/100 == 2 {
		return false
	}
	if s.state == serverCompleted {
		e.pool.release(&s.last)
		s.become(e, serverConfirmed)
	}
	return true
}

// provisional sends a provisional response other than 100.
func (s *serverTransaction) provisional(e *event, response []byte, local bool) {
	s.become(e, serverProceeding)
	e.replace(&s.last, response)
	s.local = local
	e.upstream(s.last, local)
}

// success notes that a 2xx to INVITE has been sent (RFC 6026 7.1).
func (s *serverTransaction) success(e *event, status int) {
	s.drop(e)
	s.status = uint16(status)
	s.become(e, serverAccepted)
}

// final sends a final response other than a 2xx to INVITE. It takes response,
// which is of the pool.
func (s *serverTransaction) final(e *event, status int, response []byte, local bool) {
	e.upstream(response, local)
	s.drop(e)
	s.status, s.last, s.local = uint16(status), response, local
	s.become(e, serverCompleted)
}

// refuse sends a failure and ends there.
func (s *serverTransaction) refuse(e *event, status int, response []byte) {
	e.upstream(response, true)
	s.status = uint16(status)
	s.become(e, serverTerminated)
}

// resend fires Timer G, or sends the 100 to a non-INVITE whose time has come (RFC
// 4320 4.1).
func (s *serverTransaction) resend(e *event) {
	if s.state != serverCompleted {
		s.sayTrying(e)
		return
	}
	s.resendLast(e)
	e.tell(tellUnacked)
	s.resendEvery = min(2*s.resendEvery, e.t2)
	s.resendAt = e.now + s.resendEvery
}

// over ends a state that has lasted as long as it may, after the final response.
func (s *serverTransaction) over(e *event) {
	if s.state == serverCompleted && s.invite() {
		e.stats.Unacked++
	}
	s.become(e, serverTerminated)
}
