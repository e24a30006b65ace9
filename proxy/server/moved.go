package server

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/targets"
)

// startDialog finds the target of a request within a dialog. A phone that moves to
// another address within a call tells the far end its new Contact (RFC 3261
// 12.2.1.2), which the token of the call cannot know. It registers from there as
// well, most often with its name as the Contact's user part: that shows that the
// address is a phone's. What nobody registered goes where the token has it.
func (r *request) startDialog() progress {
	anywhere := r.snap.config.Egress.Contacts == config.ContactsAny
	t, moved := targets.OfDialog(&r.msg, &r.decision, anywhere)
	r.targets = append(r.targets, t)
	if moved {
		r.guesses = 0
		return r.guessMoved()
	}
	return r.reach()
}

// guessMoved looks for the remote target among the contacts of who may have moved.
func (r *request) guessMoved() progress {
	var ok bool
	if !r.s.current().superseded { // nobody left to ask
		r.aor, ok = r.snap.tables.GuessAOR(r.aor[:0], targets.RemoteTarget(&r.msg, &r.decision), r.guesses)
	}
	if r.guesses++; !ok {
		return r.reach()
	}
	r.lookup.AOR = r.aor
	r.s.cluster.Lookup(&r.lookup)
	return waits
}

// movedLookupDone takes the bindings of who may have moved.
func (r *request) movedLookupDone(op *cluster.LookupOp) progress {
	remote := targets.RemoteTarget(&r.msg, &r.decision)
	if op.Result == cluster.Found && r.targets[0].Move(op.Record, op.Now, r.snap.tables, remote) {
		return r.reach()
	}
	return r.guessMoved()
}
