package server

import (
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// forBindings reports whether the request goes where bindings say: all of an
// address-of-record, or one.
func (r *request) forBindings() bool {
	return r.decision.Action == routing.Lookup || r.decision.Action == routing.Contact
}

// forward sends the request to its targets (RFC 3261 16.6). If none can be reached
// the answer is 480: a 503 would have the caller leave this proxy for another,
// which knows no other way (RFC 3261 16.7 step 6, RFC 3263 4.3).
func (r *request) forward() progress {
	r.appendHops()
	if r.dialer.targets = targets.Reachable(r.dialer.targets); len(r.dialer.targets) == 0 {
		return r.finish(480, "Temporarily Unavailable", r.decision.Unreached())
	}
	if !targets.Share(r.dialer.targets, r.breadth()) {
		return r.finish(440, "Max-Breadth Exceeded", nil)
	}
	leaves := forward.Request{
		Message: &r.msg, Via: &r.reply.via, From: r.from, Back: r.reply.back, Decision: &r.decision,
		Owner: r.s.owner(), Stateless: r.stateless, CallerEnd: r.callerEnd(), CallerOwner: r.callerOwner(),
	}
	r.out, r.fork = r.out[:0], r.fork[:0]
	for _, tx := range r.branchIDs() {
		r.out, r.fork = r.builder.Fork(r.out, r.fork, r.snap.names, &leaves, tx, r.dialer.targets)
	}
	if r.stateless {
		return r.sendStateless()
	}
	if r.rings {
		if r.fork = r.s.table.Untried(r.now, r.tx, r.fork); len(r.fork) == 0 {
			return r.awaitPhone(r.decision.AOR)
		}
	}
	return r.forkTo(r.fork)
}

// sendStateless sends a request without a transaction.
func (r *request) sendStateless() progress {
	sent := false
	for i := range r.fork {
		sent = r.s.send(r.fork[i].Flow, r.fork[i].Bytes) == nil || sent
	}
	r.s.metrics.stateless.Add(float64(len(r.fork)))
	if !sent {
		return r.finish(480, "Temporarily Unavailable", nil)
	}
	return done
}

// branchIDs are the transactions to make branches for: the request's own. A
// CANCEL or the ACK of a failure without one may belong to an INVITE that
// another pod began under any valid key; all but one match nothing at the far
// end.
func (r *request) branchIDs() []token.TxID {
	if r.stateless && (r.msg.Method() == wire.MethodCancel || r.forBindings()) {
		return r.ids
	}
	r.ids = append(r.ids[:0], r.tx)
	return r.ids
}
