package server

import (
	"bytes"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/wire"
)

// forBindings reports whether the request goes where bindings say: all of an
// address-of-record, or one.
func (r *request) forBindings() bool {
	return r.decision.Action == routing.Lookup || r.decision.Action == routing.Contact
}

// startContact finds the binding whose contact the Request-URI is. A phone that
// transfers a call to another one tells the contact that it knows from its dialog
// with it (RFC 5589 7). The user part tells the address-of-record of most
// phones, which costs a lookup; only for the others all members are asked.
func (r *request) startContact() {
	r.guesses = 0
	r.guess()
}

// guess looks for the contact where its user part says, or asks for it.
func (r *request) guess() {
	var ok bool
	r.aor, ok = r.snap.tables.GuessAOR(r.aor[:0], r.msg.RequestURI(), r.guesses)
	r.guesses++
	if ok {
		r.lookup.AOR = r.aor
		r.s.cluster.Lookup(&r.lookup)
		return
	}
	r.aor = r.aor[:0] // no more guesses
	r.locate.URI = r.msg.RequestURI()
	r.s.cluster.Locate(&r.locate)
}

// locateDone takes the address-of-record that has the contact, and looks it up:
// what the lookup finds counts.
func (r *request) locateDone(op *cluster.LocateOp) {
	switch op.Result {
	case cluster.Found:
		r.lookup.AOR = op.AOR
		r.s.cluster.Lookup(&r.lookup)
	case cluster.NotFound:
		r.finish(404, "Not Found", nil)
	default:
		r.unavailable()
	}
}

// contactLookupDone takes the bindings of an address-of-record that may have the
// contact, and forwards to that one alone.
func (r *request) contactLookupDone(op *cluster.LookupOp) {
	switch guessed := len(r.aor) > 0; {
	case op.Result == cluster.Found && r.contactTarget(op.Record, op.Now):
		r.decision.AOR = op.AOR
		r.reach()
	case guessed:
		r.guess()
	case op.Result == cluster.Unavailable:
		r.unavailable()
	default:
		r.finish(404, "Not Found", nil)
	}
}

// contactTarget reports whether the Request-URI is the contact of a live binding
// (RFC 3261 19.1.4) but for headers, which a Request-URI has not, and makes that the one target; none, if it is one that
// cannot be reached. Of several that of the same bytes is meant.
func (r *request) contactTarget(record location.Record, now int64) bool {
	uri, registered := r.msg.RequestURI(), false
	for b := range record.Live(now) {
		registered = registered || wire.EqualURI(wire.WithoutHeaders(b.Contact), uri)
	}
	if !registered {
		return false
	}
	r.bindingTargets(record, now)
	best := -1
	for i := range r.targets {
		switch t := &r.targets[i]; {
		case bytes.Equal(t.uri, uri):
			best = i
		case best < 0 && wire.EqualURI(t.uri, uri):
			best = i
		}
	}
	if best < 0 {
		r.targets = r.targets[:0]
		return true
	}
	r.targets[0] = r.targets[best]
	r.targets = r.targets[:1]
	r.targets[0].uri = nil // as it came
	return true
}
