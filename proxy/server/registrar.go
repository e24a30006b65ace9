package server

import (
	"strconv"
	"time"

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
	if !r.bindContacts() {
		return r.respond(403, "Contact Is Not Where The REGISTER Comes From", nil)
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
	r.noteRegistered(op)
	switch op.Status {
	case location.StatusOK:
		r.lines = appendContacts(r.s.date.append(r.lines[:0], time.Now()), op)
		if r.decision.TellPath {
			r.lines = append(append(append(r.lines, "Path: "...), op.Update.Path...), '\r', '\n')
		}
		r.respond(200, "OK", r.lines)
	case location.StatusForbidden:
		r.respond(403, "Too Many Contacts", nil)
	case location.StatusBadRequest:
		r.respond(400, "Contact Cannot Be Stored", nil)
	case location.StatusNoRoom:
		r.respond(503, "No Room For Another Registration", retryAfterFull)
	case location.StatusServerError:
		r.respond(500, "CSeq Out Of Order", nil)
	default:
		if r.cutOff() {
			break
		}
		r.respond(503, "Service Unavailable", retryAfter)
	}
	r.s.metrics.registered(time.Since(r.s.started) - r.arrived)
	return done
}

// appendContacts appends a Contact line for every live binding.
func appendContacts(dst []byte, op *cluster.RegisterOp) []byte {
	for b := range op.Record.Live(op.Now) {
		dst = append(append(dst, "Contact: <"...), b.Contact...)
		dst = append(dst, ">;expires="...)
		dst = strconv.AppendUint(dst, uint64(b.ExpiresIn(op.Now)), 10)
		if b.Q != location.MaxQ {
			dst = appendQ(dst, b.Q)
		}
		dst = append(dst, b.Params...)
		if len(b.Instance) > 0 {
			dst = append(append(append(dst, `;+sip.instance="`...), b.Instance...), '"')
		}
		if b.RegID != 0 {
			dst = strconv.AppendUint(append(dst, ";reg-id="...), uint64(b.RegID), 10)
		}
		dst = append(dst, '\r', '\n')
	}
	return dst
}

// appendQ appends q from thousandths.
func appendQ(dst []byte, q uint16) []byte {
	return append(dst, ';', 'q', '=', '0', '.', '0'+byte(q/100%10), '0'+byte(q/10%10), '0'+byte(q%10))
}
