package server

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/wire"
)

// Bounds on what the others are asked: a stranger's ACK must not cost more than
// this process's attention, nor a response that names no owner.
const (
	maxAsk = 4 << 10 // bytes; how many: maxAsks
)

// askMembers offers an ACK that no transaction here is waiting for to all other
// members. The ACK of a failure is for who sent that (RFC 3261 17.1.1.3), and
// nothing in it says which member it was: the Via is the caller's and the To tag
// the callee's. The one that waits for it would go on repeating the failure
// until Timer H.
//
// The ACK of a 2xx belongs to nobody here. It is told from the other by the
// token in its Route: that of an INVITE's failure has the INVITE's Route, and
// only a re-INVITE has a token there. The ACK of a re-INVITE's failure comes
// again, when the failure is repeated: see wanted.
func (r *request) askMembers() {
	s := r.s
	if r.msg.Method() != wire.MethodAck || !r.forBindings() || len(r.msg.Raw) > maxAsk {
		return
	}
	if s.limits.asks.allow(&r.message) {
		s.toAll(frameAck, r.msg.Raw) // not reached: Timer H
	}
}

// ackOfPeer takes an ACK, or a CANCEL of what is for an application, that another member
// had no transaction for.
func (r *request) ackOfPeer() {
	if m := r.msg.Method(); m != wire.MethodAck && m != wire.MethodCancel || r.reply.readVia() != nil {
		r.s.metrics.drop(dropPeerFrame)
		return
	}
	r.readTx()
	for _, id := range r.ids {
		d := r.s.table.Request(r.now, id, &r.msg, flow.Flow{}, transaction.Stranger)
		if d == transaction.AckHandled || d == transaction.CancelHandled {
			r.s.metrics.fromPeer.Add(1)
			return
		}
	}
}
