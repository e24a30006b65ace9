package server

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"

	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/transport"
	"github.com/sipring/sipring/proxy/wire"
)

// reply is how the sender of a request is answered: with what is made here, no more
// than may go there, along the request's topmost Via.
type reply struct {
	*message
	via    wire.Via
	back   flow.Flow // what responses go over
	trying bool      // the transaction has answered 100
	keep   uint16    // seconds, if who asks whether to send keep-alives is to (RFC 6223 4.4)
}

// readVia parses the topmost Via and works out where the response goes (RFC
// 3261 18.2.1, RFC 3581 4). With an error that is done as far as it goes.
func (a *reply) readVia() (err error) {
	a.via, err = a.msg.TopVia()
	a.back = transport.ResponseFlow(&a.via, a.from)
	return err
}

// respond sends a response made here, without a transaction.
func (a *reply) respond(status int, reason string, extra []byte) progress {
	if a.out = a.appendBounded(a.out[:0], status, reason, extra); len(a.out) == 0 {
		a.s.metrics.drop(dropAmplifies)
		return done
	}
	return a.send(status)
}

// send sends the response in out.
func (a *reply) send(status int) progress {
	if !a.allowed() {
		return done
	}
	a.s.metrics.sent(a.msg.Method(), status, local)
	if a.msg.Method() == wire.MethodInvite && status >= 200 && len(a.msg.ToTag()) == 0 {
		a.s.metrics.results[codePlace(status)].Inc()
	}
	a.s.answer(a.back, a.out)
	return done
}

// finish answers with a failure through the request's transaction, unless that rings
// somewhere: then it ends the wait for who rang.
func (r *request) finish(status int, reason string, extra []byte) progress {
	switch {
	case r.rings:
		return r.lapse()
	case !r.stateless:
		if r.out = r.reply.appendBounded(r.out[:0], status, reason, extra); len(r.out) == 0 {
			r.out = r.reply.append(r.out, status, "", nil)
		}
		r.s.table.Refuse(r.now, r.tx, r.out)
	case r.msg.Method() == wire.MethodCancel:
		return r.reply.respond(481, "Call/Transaction Does Not Exist", nil)
	case r.msg.Method() == wire.MethodAck:
		r.s.metrics.drop(dropAck)
	default:
		return r.reply.respond(status, reason, extra)
	}
	return done
}

// appendBounded is append, and leaves out the reason, then extra, then
// everything, where that is more than may go to the source of the request. Of several
// challenges the last one stays: without one there is nothing that the phone could do.
func (a *reply) appendBounded(dst []byte, status int, reason string, extra []byte) []byte {
	start, bound := len(dst), a.bound()
	if dst = a.append(dst, status, reason, extra); len(dst)-start <= bound {
		return dst
	}
	least := []byte(nil)
	if status == 401 || status == 407 {
		least = lastLine(extra)
	}
	for _, lines := range [...][]byte{extra, least} {
		if dst = a.append(dst[:start], status, "", lines); len(dst)-start <= bound {
			return dst
		}
	}
	return dst[:start]
}

// lastLine is the last of header lines.
func lastLine(lines []byte) []byte {
	return lines[bytes.LastIndexByte(lines[:max(len(lines)-1, 0)], '\n')+1:]
}

// append builds a response with received and rport in its topmost Via
// (RFC 3261 18.2.1) and a To tag that every retransmission gets again, at any pod.
func (a *reply) append(dst []byte, status int, reason string, extra []byte) []byte {
	tag := a.localTag()
	o := wire.ResponseOptions{ToTag: tag[:], Extra: extra, Keep: a.keep}
	var text [64]byte
	o.Received, o.RPort, o.SetRPort = a.via.Source(a.from.Remote, text[:0])
	return wire.AppendResponseWith(dst, &a.msg, status, reason, &o)
}

// localTag is the To tag of responses made here. The ACK of one that a
// transaction repeats must get there, so it has another tag than the ACK of a
// refusal, which is nobody's.
func (a *reply) localTag() (tag [16]byte) {
	sum := xxhash.Sum64(a.msg.CallID()) ^ xxhash.Sum64(a.via.Branch())
	if a.trying {
		sum = ^sum
	}
	hex.Encode(tag[:], binary.BigEndian.AppendUint64(nil, sum))
	return tag
}

// acknowledgesRefusal reports whether this is the ACK of a refusal that was sent
// without a transaction, by any pod. It leads nowhere else: what was refused has
// not been passed on.
func (a *reply) acknowledgesRefusal() bool {
	tag := a.localTag()
	return a.msg.Method() == wire.MethodAck && string(a.msg.ToTag()) == string(tag[:])
}
