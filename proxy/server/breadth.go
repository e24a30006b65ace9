package server

import (
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// breadth is how many branches the request may have at a time (RFC 5393 5.3.2), and
// no more than each branch of ours by which it has come back was given: whoever sent
// it back may have left Max-Breadth out, or raised it. Whatever a request forks into
// so shares the breadth that it began with.
func (r *request) breadth() int {
	n := targets.Breadth(&r.msg)
	if r.decision.Passes == 0 {
		return n
	}
	var own wire.Via // of ours, the one below not read yet
	for v := range r.msg.Values(wire.HeaderVia) {
		via, err := wire.ParseVia(v)
		if err != nil {
			continue
		}
		if own.Host != nil {
			n = min(n, r.given(&own, &via))
		}
		if own = via; !r.ours(&via) {
			own = wire.Via{}
		}
	}
	if own.Host != nil {
		n = min(n, leastGiven)
	}
	return n
}

// leastGiven is what a branch of ours had at least. It is what counts where the
// proof was taken from the Via, or the Via below it.
const leastGiven = 1

// given is the breadth of the branch of a Via of ours that another Via is below.
func (r *request) given(own, below *wire.Via) int {
	branch, _ := r.s.keys.ParseBranch(own.Branch())
	to, ok := transport.ResponseDestination(below)
	if !ok {
		return leastGiven
	}
	breadth, ok := r.snap.names.Hop(own, branch.Tx, to)
	if !ok {
		return leastGiven
	}
	return breadth
}

func (r *request) ours(via *wire.Via) bool {
	_, ours := r.s.keys.ParseBranch(via.Branch())
	return ours
}
