package server

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/forward"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// start looks for the targets of a request that has its transaction.
func (r *request) start() progress {
	r.targets = r.targets[:0]
	switch r.decision.Action {
	case routing.InDialog:
		return r.startDialog()
	case routing.Contact:
		return r.startContact()
	}
	r.chain.Begin(r.decision.AOR)
	r.lookup.AOR = r.decision.AOR
	r.s.cluster.Lookup(&r.lookup)
	return waits
}

// forBindings reports whether the request goes where bindings say: all of an
// address-of-record, or one.
func (r *request) forBindings() bool {
	return r.decision.Action == routing.Lookup || r.decision.Action == routing.Contact
}

// lookupDone takes the bindings of a request's address-of-record.
func (r *request) lookupDone(op *cluster.LookupOp) progress {
	switch {
	case r.decision.Action == routing.InDialog:
		return r.movedLookupDone(op)
	case r.decision.Action == routing.Contact:
		return r.contactLookupDone(op)
	case op.Result == cluster.Unavailable:
		return r.unavailable()
	}
	r.targets = r.chain.Add(r.targets, op.Record, op.Now, r.snap.tables)
	return r.follow()
}

// follow looks up the next contact that is an address-of-record of ours: what
// such a contact leads to is found within this request, so that it never leaves
// to ourselves. A member that has only the request's CANCEL, or the ACK of its
// failure, finds the same targets in the same way.
func (r *request) follow() progress {
	list, aor := r.chain.Next(r.targets, r.snap.tables)
	if r.targets = list; aor == nil {
		r.s.metrics.leftOut.Add(uint64(r.chain.LeftOut))
		if len(list) == 0 && r.chain.Looped {
			return r.finish(482, "Loop Detected", nil)
		}
		return r.reach()
	}
	r.lookup.AOR = aor
	r.s.cluster.Lookup(&r.lookup)
	return waits
}

// unavailable ends a request whose bindings nobody could tell.
func (r *request) unavailable() progress {
	if !r.cutOff() {
		return r.finish(503, "Service Unavailable", retryAfter)
	}
	if !r.stateless {
		r.s.table.Abandon(r.now, r.tx)
	}
	return done
}

// forward sends the request to its targets (RFC 3261 16.6). If none can be reached
// the answer is 480: a 503 would have the caller leave this proxy for another,
// which knows no other way (RFC 3261 16.7 step 6, RFC 3263 4.3).
func (r *request) forward() progress {
	if r.targets = targets.Reachable(r.targets); len(r.targets) == 0 {
		return r.finish(480, "Temporarily Unavailable", nil)
	}
	if !targets.Share(r.targets, r.breadth()) {
		return r.finish(440, "Max-Breadth Exceeded", nil)
	}
	leaves := forward.Request{
		Message: &r.msg, Via: &r.via, From: r.from, Back: r.back, Decision: &r.decision,
		Owner: r.s.owner(), Stateless: r.stateless,
	}
	r.out, r.fork = r.out[:0], r.fork[:0]
	for _, tx := range r.branchIDs() {
		r.out, r.fork = r.builder.Fork(r.out, r.fork, r.snap.names, &leaves, tx, r.targets)
	}
	if r.stateless {
		return r.sendStateless()
	}
	r.s.table.Fork(r.now, r.tx, r.fork)
	return done
}

// sendStateless sends a request without a transaction.
func (r *request) sendStateless() progress {
	sent := false
	for i := range r.fork {
		sent = r.s.layer.Send(r.fork[i].Flow, r.fork[i].Bytes) == nil || sent
	}
	r.s.metrics.stateless.Add(uint64(len(r.fork)))
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
