package server

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/targets"
	"github.com/sipring/sipring/proxy/wire"
)

// startDialog finds the target of a request within a dialog. A phone that moves to
// another address within a call tells the far end its new Contact (RFC 3261
// 12.2.1.2), which the token of the call cannot know. It registers from there as
// well, most often with its name as the Contact's user part: that shows that the
// address is a phone's. What nobody registered goes where the token has it.
func (q *search) startDialog() progress {
	anywhere := q.r.snap.config.Egress.Contacts == config.ContactsAny
	t, moved := targets.OfDialog(&q.r.msg, &q.r.decision, q.r.snap.tables, anywhere)
	q.r.dialer.targets = append(q.r.dialer.targets, t)
	if t.Held.Transport == flow.Local {
		return q.startAtApplication(t.Held.Owner)
	}
	if t.Held.IsOwnedUDP() && q.r.s.dead(t.Held) {
		return q.r.awaitFlow(t.Held)
	}
	if q.rehomes = q.r.s.dead(t.Held); q.rehomes {
		return q.startRehome()
	}
	if moved {
		q.guesses = 0
		return q.guessMoved()
	}
	if !q.r.stateless || q.r.msg.Method() == wire.MethodAck { // nobody is told what refuses an ACK, so it goes to both
		q.r.dialer.targets = targets.AppendOwnPort(q.r.dialer.targets, &q.r.msg, &q.r.decision, q.r.snap.tables)
	}
	return q.r.reach()
}

// guessMoved looks for the remote target among the contacts of who may have moved.
func (q *search) guessMoved() progress {
	var ok bool
	if !q.r.s.current().superseded { // nobody left to ask
		q.aor, ok = q.r.snap.tables.GuessAOR(q.aor[:0], targets.RemoteTarget(&q.r.msg, &q.r.decision), q.guesses)
	}
	if q.guesses++; !ok {
		return q.r.reach()
	}
	q.lookup.AOR = q.aor
	q.r.s.cluster.Lookup(&q.lookup)
	return waits
}

// movedLookupDone takes the bindings of who may have moved.
func (q *search) movedLookupDone(op *cluster.LookupOp) progress {
	if q.rehomes {
		return q.rehomed(op)
	}
	remote := targets.RemoteTarget(&q.r.msg, &q.r.decision)
	if op.Result == cluster.Found && q.r.dialer.targets[0].Move(op.Record, op.Now, q.r.snap.tables, remote) {
		return q.r.reach()
	}
	return q.guessMoved()
}
