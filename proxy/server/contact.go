package server

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/targets"
)

// startContact finds the binding whose contact the Request-URI is. A phone that
// transfers a call to another one tells the contact that it knows from its dialog
// with it (RFC 5589 7). The user part tells the address-of-record of most
// phones, which costs a lookup; only for the others all members are asked.
func (q *search) startContact() progress {
	q.guesses = 0
	return q.guess()
}

// guess looks for the contact where its user part says, or asks for it.
func (q *search) guess() progress {
	var ok bool
	q.aor, ok = q.r.snap.tables.GuessAOR(q.aor[:0], q.r.msg.RequestURI(), q.guesses)
	q.guesses++
	if ok {
		q.lookup.AOR = q.aor
		q.r.s.cluster.Lookup(&q.lookup)
		return waits
	}
	q.aor = q.aor[:0] // no more guesses
	if !q.r.s.limits.questioned.allow(&q.r.message) {
		return q.r.finish(503, "Service Unavailable", q.r.retryAfter(5))
	}
	q.locate.URI = q.r.msg.RequestURI()
	q.r.s.cluster.Locate(&q.locate)
	return waits
}

// locateDone takes the address-of-record that has the contact, and looks it up:
// what the lookup finds counts.
func (q *search) locateDone(op *cluster.LocateOp) progress {
	switch op.Result {
	case cluster.Found:
		q.lookup.AOR = op.AOR
		q.r.s.cluster.Lookup(&q.lookup)
		return waits
	case cluster.NotFound:
		return q.r.finish(404, "Not Found", nil)
	}
	return q.unavailable()
}

// contactLookupDone takes the bindings of an address-of-record that may have the
// contact, and forwards to that one alone.
func (q *search) contactLookupDone(op *cluster.LookupOp) progress {
	registered := false
	if op.Result == cluster.Found {
		q.r.dialer.targets, registered = targets.AppendContact(q.r.dialer.targets[:0], op.Record, op.Now, q.r.snap.tables, q.r.msg.RequestURI())
	}
	switch guessed := len(q.aor) > 0; {
	case registered:
		q.r.decision.AOR = op.AOR
		return q.r.reach()
	case guessed:
		return q.guess()
	case op.Result == cluster.Unavailable:
		return q.unavailable()
	}
	return q.r.finish(404, "Not Found", nil)
}
