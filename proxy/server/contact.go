package server

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/targets"
)

// startContact finds the binding whose contact the Request-URI is. A phone that
// transfers a call to another one tells the contact that it knows from its dialog
// with it (RFC 5589 7). The user part tells the address-of-record of most
// phones, which costs a lookup; only for the others all members are asked.
func (r *request) startContact() progress {
	r.guesses = 0
	return r.guess()
}

// guess looks for the contact where its user part says, or asks for it.
func (r *request) guess() progress {
	var ok bool
	r.aor, ok = r.snap.tables.GuessAOR(r.aor[:0], r.msg.RequestURI(), r.guesses)
	r.guesses++
	if ok {
		r.lookup.AOR = r.aor
		r.s.cluster.Lookup(&r.lookup)
		return waits
	}
	r.aor = r.aor[:0] // no more guesses
	if !r.s.limits.questioned.allow(&r.message) {
		return r.finish(503, "Service Unavailable", retryAfter)
	}
	r.locate.URI = r.msg.RequestURI()
	r.s.cluster.Locate(&r.locate)
	return waits
}

// locateDone takes the address-of-record that has the contact, and looks it up:
// what the lookup finds counts.
func (r *request) locateDone(op *cluster.LocateOp) progress {
	switch op.Result {
	case cluster.Found:
		r.lookup.AOR = op.AOR
		r.s.cluster.Lookup(&r.lookup)
		return waits
	case cluster.NotFound:
		return r.finish(404, "Not Found", nil)
	}
	return r.unavailable()
}

// contactLookupDone takes the bindings of an address-of-record that may have the
// contact, and forwards to that one alone.
func (r *request) contactLookupDone(op *cluster.LookupOp) progress {
	registered := false
	if op.Result == cluster.Found {
		r.targets, registered = targets.AppendContact(r.targets[:0], op.Record, op.Now, r.snap.tables, r.msg.RequestURI())
	}
	switch guessed := len(r.aor) > 0; {
	case registered:
		r.decision.AOR = op.AOR
		return r.reach()
	case guessed:
		return r.guess()
	case op.Result == cluster.Unavailable:
		return r.unavailable()
	}
	return r.finish(404, "Not Found", nil)
}
