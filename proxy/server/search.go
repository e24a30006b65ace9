package server

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/targets"
)

// search looks for the bindings that a request may go to.
type search struct {
	r       *request
	chain   targets.Chain
	lookup  cluster.LookupOp
	locate  cluster.LocateOp
	rehomes bool   // the end of a dialog has lost its connection
	guesses int    // addresses-of-record that a contact was looked for in
	aor     []byte // the last of them
	apps    appSearch
}

// start looks for the targets of a request that has its transaction.
func (q *search) start() progress {
	p := &q.r.prover
	switch {
	case !p.needed():
		p.left.Store(0)
	case q.r.decision.Action == routing.Lookup:
		p.start(2)
	default:
		p.start(1)
		return waits
	}
	return q.begin()
}

// begin begins the search itself.
func (q *search) begin() progress {
	q.r.dialer.targets = q.r.dialer.targets[:0]
	switch q.r.decision.Action {
	case routing.InDialog:
		return q.startDialog()
	case routing.Contact:
		return q.startContact()
	}
	q.chain.Begin(q.r.decision.AOR, q.r.decision.Callee())
	q.apps.begin(q.r)
	if q.apps.when == appAlways {
		return q.startPin()
	}
	q.lookup.AOR = q.r.decision.AOR
	q.r.s.cluster.Lookup(&q.lookup)
	return waits
}

// lookupDone takes the bindings of a request's address-of-record.
func (q *search) lookupDone(op *cluster.LookupOp) progress {
	if refused, end := q.r.prover.refused(); refused {
		return end
	}
	switch {
	case q.r.decision.Action == routing.InDialog:
		return q.movedLookupDone(op)
	case q.r.decision.Action == routing.Contact:
		return q.contactLookupDone(op)
	case q.apps.pins:
		return q.pinDone(op)
	case op.Result == cluster.Unavailable:
		return q.unavailable()
	}
	q.r.dialer.targets = q.chain.Add(q.r.dialer.targets, op.Record, op.Now, q.r.snap.tables)
	return q.follow()
}

// follow looks up the next contact that is an address-of-record of ours: what
// such a contact leads to is found within this request, so that it never leaves
// to ourselves. A member that has only the request's CANCEL, or the ACK of its
// failure, finds the same targets in the same way.
func (q *search) follow() progress {
	list, aor := q.chain.Next(q.r.dialer.targets, q.r.snap.tables)
	if q.r.dialer.targets = list; aor == nil {
		q.r.s.metrics.leftOut.Add(float64(q.chain.LeftOut))
		if q.apps.wanted(q.r, len(list)) {
			return q.startPin()
		}
		if len(list) == 0 && q.chain.Looped {
			return q.r.finish(482, "Loop Detected", nil)
		}
		if len(list) == 0 && q.r.decision.Callee().Call != 0 { // a GRUU that is over (RFC 5627 6.1)
			return q.r.finish(404, "Not Found", nil)
		}
		return q.r.reach()
	}
	q.lookup.AOR = aor
	q.r.s.cluster.Lookup(&q.lookup)
	return waits
}

// unavailable ends a request whose bindings nobody could tell.
func (q *search) unavailable() progress {
	if q.r.rings {
		return q.r.awaitPhone(q.r.decision.AOR)
	}
	if q.r.wait.waits() { // nobody can tell yet who has what the dead member had
		return q.r.awaitPhone(q.r.wait.aor)
	}
	if !q.r.cutOff() {
		return q.r.finish(503, "Service Unavailable", q.r.retryAfter(5))
	}
	if !q.r.stateless {
		q.r.s.table.Abandon(q.r.now, q.r.tx)
	}
	return done
}
