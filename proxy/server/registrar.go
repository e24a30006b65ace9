package server

import (
	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/location"
)

// registrar takes a REGISTER: may it bind that, from where, and what is the answer.
type registrar struct {
	r          *request
	op         cluster.RegisterOp
	renewal    thing  // who registers what from where
	translated bool   // a contact has another address than the REGISTER comes from
	refused    bool   // it binds nothing, and the decision has the answer
	lines      []byte // of the 200
}

// start sends the registration to its home. It has no transaction: a
// retransmission is answered as the first one was, because the same request
// changes nothing twice (RFC 3261 10.3 step 7).
func (g *registrar) start() progress {
	g.refused = false
	g.op.Update = g.r.decision.Update
	g.op.Update.Fingerprint = g.fingerprint()
	g.takeRoom()
	if !g.bindContacts() {
		g.r.s.metrics.registers[registerForeign].Inc()
		return g.refuse(403, "Contact Is Not Where The REGISTER Comes From", nil)
	}
	if !g.op.Update.Valid() {
		g.r.s.metrics.registers[registerBad].Inc()
		return g.refuse(400, "Contact Cannot Be Stored", nil)
	}
	// What was registered from there within the hour is refreshed, which is free.
	g.renewal = g.r.s.facts.registration(g.r.decision.AOR, g.r.from.Remote.Addr())
	if !g.r.s.facts.has(g.renewal, refreshed, g.r.now) && !g.r.mayBegin() {
		return done
	}
	g.r.s.cluster.Register(&g.op)
	return waits
}

// refuse answers a REGISTER that binds nothing. What it was authenticated with is used up
// at the home all the same: whoever has seen it could bind with that what they like.
func (g *registrar) refuse(status int, reason string, lines []byte) progress {
	d := &g.r.decision
	if d.Proof == (location.Proof{}) {
		return g.r.reply.respond(status, reason, lines)
	}
	d.Status, d.Reason, d.Extra, g.refused = status, reason, lines, true
	g.op.Update = location.Update{AOR: d.Identity, Proof: d.Proof}
	g.takeRoom()
	g.r.s.cluster.Register(&g.op)
	return waits
}

// fingerprint tells requests apart (RFC 3261 8.1.1.7): 0 if the branch is not
// unique.
func (g *registrar) fingerprint() uint32 {
	branch := g.r.reply.via.Branch()
	if cookie := "z9hG4bK"; len(branch) <= len(cookie) || string(branch[:len(cookie)]) != cookie {
		return 0
	}
	sum := xxhash.Sum64(branch) + 31*xxhash.Sum64(g.r.msg.FromTag())
	return uint32(max(sum>>32, 1))
}

// finished answers a REGISTER (RFC 3261 10.3 step 8).
func (g *registrar) finished(op *cluster.RegisterOp) progress {
	took := g.r.s.clock.since()
	g.r.now, took = took.Milliseconds(), took-g.r.arrived
	if g.refused {
		d := &g.r.decision
		return g.r.reply.respond(d.Status, d.Reason, d.Extra)
	}
	result := registerOK
	switch op.Status {
	case location.StatusOK:
		g.answer(op)
		g.remember(op) // after the answer: who registers for the first time is a stranger yet
	case location.StatusForbidden:
		result = registerTooMany
		g.r.reply.respond(403, "Too Many Contacts", nil)
	case location.StatusReplayed:
		result = registerReplayed
		d := &g.r.decision
		g.r.s.checks.Replayed(&g.r.msg, d)
		g.r.reply.respond(d.Status, d.Reason, d.Extra)
	case location.StatusBadRequest:
		result = registerBad
		g.r.reply.respond(400, "Contact Cannot Be Stored", nil)
	case location.StatusNoRoom, location.StatusSourceFull, location.StatusDomainFull:
		result = registerNoRoom
		g.noteNoRoom(op.Status)
		g.r.reply.respond(503, "No Room For Another Registration", g.r.retryAfter(60)) // what makes room is the end of bindings
	case location.StatusServerError:
		result = registerOutOfOrder
		g.r.reply.respond(500, "CSeq Out Of Order", nil)
	default:
		result = registerUnavailable
		if g.r.cutOff() {
			break
		}
		g.r.reply.respond(503, "Service Unavailable", g.r.retryAfter(5))
	}
	g.r.s.metrics.registers[result].Inc()
	g.r.s.metrics.registerTime.Observe(took.Seconds())
	return done
}
