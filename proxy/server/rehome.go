package server

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/token"
)

// startRehome looks for the connection that the end of a dialog has now: the one that
// the token knows is over.
func (q *search) startRehome() progress {
	end := q.end()
	q.r.dialer.targets[0].Failed = true
	if len(end.AOR) == 0 || q.r.s.current().superseded {
		return q.r.reach()
	}
	q.lookup.AOR = end.AOR
	q.r.s.cluster.Lookup(&q.lookup)
	return waits
}

// end is who is to get a request within a dialog.
func (q *search) end() token.End {
	d := &q.r.decision
	if d.ToCallee {
		return d.Token.CalleeEnd
	}
	return d.Token.CallerEnd
}

// rehomed takes the bindings of who has lost a connection. If none is of another, the
// request waits for it.
func (q *search) rehomed(op *cluster.LookupOp) progress {
	s, t, end := q.r.s, &q.r.dialer.targets[0], q.end()
	if op.Result == cluster.Found && t.Rehome(op.Record, op.Now, q.r.snap.tables, end, targets.RemoteTarget(&q.r.msg, &q.r.decision), s.dead) {
		return q.r.reach()
	}
	return q.r.awaitPhone(end.AOR)
}
