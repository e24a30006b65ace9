package server

import (
	"slices"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/wire"
)

// Message implements transport.Handler.
func (s *Server) Message(f flow.Flow, data []byte) {
	if f.Transport == flow.UDP && s.away.count.Load() > 0 {
		s.claimIfAway(f)
	}
	if notSIP(data) {
		s.keepAlive(f, data)
		return
	}
	arrived := s.clock.since()
	if now := arrived.Milliseconds(); f.Transport != flow.Local && (s.tooMany(now, f.Remote.Addr()) || f.Conn == 0 && s.tooManyStrangers(f, now, data)) {
		return
	}
	r := s.takeRequest()
	r.raw = append(r.raw[:0], data...)
	r.from, r.snap = f, s.current()
	r.arrived = arrived
	r.now = r.arrived.Milliseconds()
	r.end(r.handle())
}

// handle reads the message.
func (r *request) handle() progress {
	s := r.s
	err := r.read()
	if err == nil {
		r.show()
		r.fromApplication()
	}
	if !r.msg.IsRequest() {
		if err != nil {
			s.dropFault(err)
			return done
		}
		response{&r.message}.pass()
		return done
	}
	s.metrics.requests[r.msg.Method()].Add(1)
	if err == nil {
		err = r.reply.readVia()
	}
	switch {
	case err != nil:
		return r.refuse(err)
	case !r.reply.allowed():
		return done
	case r.from.Transport == flow.TLS:
		r.noteAlias()
	}
	return r.route()
}

// dropFault counts what cannot be answered.
func (s *Server) dropFault(err error) {
	fault, ok := err.(*wire.Error) //nolint:errorlint // never wrapped, and As allocates
	switch {
	case !ok:
		s.metrics.drop(dropMalformed)
	case fault.Kind == wire.KindEmpty:
		s.metrics.drop(dropKeepalive)
	case fault.Kind == wire.KindNotSIP:
		s.metrics.drop(dropNotSIP)
	default:
		s.metrics.drop(dropMalformed)
	}
}

// refuse answers a malformed request with what is wrong with it (RFC 3261 8.2,
// 16.3 step 1), if it can be answered, at a limited rate: an error response is
// the one thing a stranger gets for a few bytes. A Via that is malformed but for
// who sent it will do (RFC 4475 3.1.2.1): the answer goes to the source.
func (r *request) refuse(err error) progress {
	fault, ok := err.(*wire.Error) //nolint:errorlint // never wrapped, and As allocates
	if !ok || fault.Status == 0 || r.msg.Method() == wire.MethodAck || r.reply.readVia() != nil && r.reply.via.Host == nil {
		r.s.dropFault(err)
		return done
	}
	if !r.s.limits.refusals.allow(&r.message) {
		r.s.metrics.drop(dropRateLimited)
		return done
	}
	return r.reply.respond(fault.Status, fault.Reason, nil)
}

// route finds the request's transaction or decides where it goes.
func (r *request) route() progress {
	if r.msg.Method() != wire.MethodRegister { // which has no transaction
		r.readTx()
	}
	switch r.msg.Method() {
	case wire.MethodAck, wire.MethodCancel:
		for _, id := range r.ids {
			r.tx = id
			if d := r.s.table.Request(r.now, id, &r.msg, r.reply.back, transaction.Stranger); d != transaction.NoMatch && d != transaction.Overloaded {
				return done
			}
		}
		if r.reply.acknowledgesRefusal() || r.handAck() {
			return done
		}
		r.tx = r.ids[0]
		r.stateless = true
	}
	day := r.s.clock.day(r.now)
	r.decision.From, r.decision.Hour, r.decision.Now, r.decision.Unix = r.from, day.hour, r.now, r.now+day.ahead
	if r.snap.tables.Decide(&r.msg, &r.decision) == routing.Wait {
		return waits
	}
	return r.decided()
}

// decided carries on with a request that there is a decision on.
func (r *request) decided() progress {
	if r.stateless {
		if r.forBindings() && !r.s.limits.strays.allow(&r.message) {
			r.s.metrics.drop(dropNew)
			return done
		}
		r.askMembers()
		if r.forBindings() && r.decision.Doubtful && r.s.stranger(r.from, r.now) {
			return r.vouch()
		}
	}
	return r.act()
}

// vouch has an ACK or CANCEL of nothing here, which nobody can be asked to prove (RFC 3261
// 22.1), go on to phones only if who it says to be from has registered from its source.
// Else whoever likes could send to all of them what the INVITE that goes before would have
// to be let in for.
func (r *request) vouch() progress {
	if len(r.decision.Identity) == 0 {
		return r.finish(481, "", nil)
	}
	r.finder.find(r.decision.Identity, func(b routing.Bound) { r.end(r.vouched(b)) })
	return waits
}

// vouched goes on with it. Where nobody can tell, its repetition may find somebody who can.
func (r *request) vouched(b routing.Bound) progress {
	switch b {
	case routing.BoundUnknown:
		r.s.metrics.drop(dropUnproved)
		return done
	case routing.BoundElsewhere:
		return r.finish(481, "", nil)
	}
	return r.act()
}

// readTx makes the transaction's ID, the same on every pod (RFC 3261 17.2.3).
func (r *request) readTx() {
	m := &r.msg
	method := m.MethodBytes()
	if m.Method() == wire.MethodAck || m.Method() == wire.MethodCancel {
		method = inviteMethod
	}
	number, _, _ := m.CSeq()
	topVia, _ := m.Get(wire.HeaderVia)
	var text [64]byte // a longer host takes memory
	f := token.TxFields{
		Branch: r.reply.via.Branch(), SentBy: appendSentBy(text[:0], &r.reply.via), Method: method,
		TopVia: topVia, RequestURI: m.RequestURI(), ToTag: m.ToTag(), FromTag: m.FromTag(), CallID: m.CallID(), CSeq: number,
	}
	r.ids = r.s.keys.AppendTxIDs(r.ids[:0], &f)
	r.tx = r.ids[0]
}

var inviteMethod = []byte("INVITE")

// appendSentBy appends the sent-by of a Via, host and port.
func appendSentBy(dst []byte, via *wire.Via) []byte {
	dst = append(dst, via.Host...)
	if via.HasPort {
		dst = append(dst, ':', byte(via.Port>>8), byte(via.Port))
	}
	return dst
}

// act carries the decision out.
func (r *request) act() progress {
	d := &r.decision
	if d.Action == routing.Reject || d.Action == routing.Drop {
		r.s.noteRefusal(r)
	}
	if (d.Action == routing.Register || r.forBindings() && !r.held()) && r.cutOff() {
		return done
	}
	switch d.Action {
	case routing.Register:
		return r.registrar.start()
	case routing.Reject:
		return r.rejectProved()
	case routing.Options:
		return r.reply.respond(d.Status, d.Reason, d.Extra)
	case routing.Lookup, routing.Contact, routing.InDialog:
		if r.open() {
			return r.search.start()
		}
		if d.Action == routing.Reject { // one call too many
			return r.rejectProved()
		}
	default:
		reason := dropAck
		if r.msg.Method() != wire.MethodAck {
			reason = dropUnproved
		}
		r.s.metrics.drop(reason)
	}
	return done
}

// cutOff reports, and counts, that a request needs a cluster that knows of this
// process no more. What this process holds may be old, and nobody is left to
// ask. Silence lets the sender's retransmission find a member that lives. Over a connection
// nothing is sent again (RFC 3261 17.1.1.2): its end has the sender come back to one.
func (r *request) cutOff() bool {
	if !r.s.current().superseded {
		return false
	}
	if r.from.Conn != 0 {
		r.s.layer.Disconnect(r.from)
	}
	r.s.metrics.drop(dropSuperseded)
	return true
}

// held reports whether the request's transaction is here.
func (r *request) held() bool { return slices.ContainsFunc(r.ids, r.s.table.Has) }

// open makes the request's transaction, unless it goes without one, and reports
// whether it is a new one. If not, the request is done, unless it is rejected by now. Where there is no room, what is
// within a dialog goes without one (RFC 3261 16.11): the token proves that the call
// was let in before, and a flood of others shall not keep anybody from hanging up.
func (r *request) open() bool {
	if r.stateless {
		return true
	}
	for _, id := range r.ids[1:] { // begun under another key
		if r.s.table.Has(id) {
			r.tx = id
		}
	}
	if r.decision.Action != routing.InDialog && !r.held() && !r.mayBegin() {
		return false
	}
	d := &r.decision
	counts := d.Caller != 0 && !r.held()
	if counts && !r.s.checks.Begins(d.Caller, d) {
		return false
	}
	made := r.s.table.Request(r.now, r.tx, &r.msg, r.reply.back, r.standing())
	if counts && (made != transaction.New || !r.s.table.Count(r.now, r.tx, d.Caller)) {
		r.s.checks.Ends(d.Caller)
	}
	switch made {
	case transaction.New:
		return true
	case transaction.Overloaded:
		if r.stateless = r.decision.Action == routing.InDialog; r.stateless {
			return true
		}
		r.reply.respond(503, "Service Unavailable", r.retryAfter(5))
	}
	return false
}

// rejectProved is reject once what the request proves is used up: whoever has seen that
// could have with it what this one could not.
func (r *request) rejectProved() progress {
	if r.prover.needed() {
		r.prover.start(1)
		return waits
	}
	return r.reject()
}

// reject answers with the decision's response, without a transaction (RFC 3261
// 8.2.7): a stranger's request is not worth the memory, nor a repeated answer.
// The retransmission of an INVITE that was let in under another configuration is
// its transaction's.
func (r *request) reject() progress {
	d := &r.decision
	switch {
	case r.msg.Method() == wire.MethodRegister:
		return r.registrar.refuse(d.Status, d.Reason, d.Extra)
	case r.msg.Method() == wire.MethodCancel:
		return r.reply.respond(481, "Call/Transaction Does Not Exist", nil)
	case r.msg.Method() != wire.MethodInvite || !r.held():
		return r.reply.respond(d.Status, d.Reason, d.Extra)
	case r.open():
		return r.finish(d.Status, d.Reason, d.Extra)
	}
	return done
}
