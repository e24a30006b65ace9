package server

import (
	"sync/atomic"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

// prover has what a request that is no REGISTER was authenticated with used up at its
// user's home (RFC 7616 3.4: nc), before the request goes anywhere: whoever has seen it
// can send another one with that to the same target, through any member. It takes what a
// REGISTER without contacts takes, and is done beside the search for the target's bindings.
type prover struct {
	r    *request
	op   cluster.RegisterOp
	left atomic.Int32 // answers that the request waits for at the same time
	used bool         // op has been begun for this request, and its answer not been looked at
}

// needed reports whether there is something to use up.
func (p *prover) needed() bool {
	d := &p.r.decision
	return d.Proof != (location.Proof{}) && p.r.msg.Method() != wire.MethodRegister
}

// start begins, with so many answers to wait for: its own, and perhaps that of a lookup,
// which the caller begins next.
func (p *prover) start(answers int32) {
	d := &p.r.decision
	p.used = true
	p.left.Store(answers)
	p.op.Update = location.Update{AOR: d.Account, Proof: d.Proof, Source: d.Copy, Shared: len(p.r.snap.config.Domains) > 1}
	p.r.s.cluster.Register(&p.op)
}

// isLast reports whether the answer that has come is the last one: whoever brought it
// goes on with the request, and nobody else looks at it.
func (p *prover) isLast() bool { return p.left.Add(-1) <= 0 }

// finished goes on after the last answer, if that was the prover's.
func (p *prover) finished() progress {
	q := &p.r.search
	switch p.r.decision.Action {
	case routing.Lookup:
		return q.lookupDone(&q.lookup)
	case routing.InDialog, routing.Contact:
		if refused, end := p.refused(); refused {
			return end
		}
		return q.begin()
	}
	p.used = false
	return p.r.reject()
}

// refused ends the request if another one has used up what it proves, or nobody can tell.
// Where the cluster has no room for a user of whom it knows nothing, it goes on. Else who
// sends is known from now on, as who has registered is.
func (p *prover) refused() (refused bool, end progress) {
	if !p.used {
		return false, waits
	}
	p.used = false
	switch p.op.Status {
	case location.StatusOK:
		s := p.r.s
		s.facts.add(s.facts.source(p.r.from.Remote.Addr()), known, p.r.now, p.r.now+remembered)
	case location.StatusReplayed:
		d := &p.r.decision
		p.r.s.checks.Replayed(&p.r.msg, d)
		return true, p.r.finish(d.Status, d.Reason, d.Extra)
	case location.StatusUnavailable:
		return true, p.r.search.unavailable()
	}
	return false, waits
}
