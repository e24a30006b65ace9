package server

import (
	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
)

// startRegister sends the registration to its home. It has no transaction: a
// retransmission is answered as the first one was, because the same request
// changes nothing twice (RFC 3261 10.3 step 7).
func (r *request) startRegister() progress {
	r.register.Update = r.decision.Update
	r.register.Update.Fingerprint = r.fingerprint()
	r.takeRoom()
	if !r.bindContacts() {
		return r.respond(403, "Contact Is Not Where The REGISTER Comes From", nil)
	}
	// What was registered from there within the hour is refreshed, which is free.
	r.renewal = r.s.facts.registration(r.decision.AOR, r.from.Remote.Addr())
	if !r.s.facts.has(r.renewal, refreshed, r.now) && !r.mayBegin() {
		return done
	}
	r.s.cluster.Register(&r.register)
	return waits
}

// fingerprint tells requests apart (RFC 3261 8.1.1.7): 0 if the branch is not
// unique.
func (r *request) fingerprint() uint32 {
	branch := r.via.Branch()
	if cookie := "z9hG4bK"; len(branch) <= len(cookie) || string(branch[:len(cookie)]) != cookie {
		return 0
	}
	sum := xxhash.Sum64(branch) + 31*xxhash.Sum64(r.msg.FromTag())
	return uint32(max(sum>>32, 1))
}

// registerDone answers a REGISTER (RFC 3261 10.3 step 8).
func (r *request) registerDone(op *cluster.RegisterOp) progress {
	took := r.s.clock.since()
	r.now, took = took.Milliseconds(), took-r.arrived
	switch op.Status {
	case location.StatusOK:
		r.answerRegister(op)
		r.noteRegistered(op) // after the answer: who registers for the first time is a stranger yet
	case location.StatusForbidden:
		r.respond(403, "Too Many Contacts", nil)
	case location.StatusBadRequest:
		r.respond(400, "Contact Cannot Be Stored", nil)
	case location.StatusNoRoom, location.StatusSourceFull, location.StatusDomainFull:
		r.noteNoRoom(op.Status)
		r.respond(503, "No Room For Another Registration", retryAfterFull)
	case location.StatusServerError:
		r.respond(500, "CSeq Out Of Order", nil)
	default:
		if r.cutOff() {
			break
		}
		r.respond(503, "Service Unavailable", retryAfter)
	}
	r.s.metrics.registered(took)
	return done
}
