package server

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/cespare/xxhash/v2"

	"github.com/sipring/sipring/proxy/wire"
)

// respond sends a response made here, without a transaction.
func (r *request) respond(status int, reason string, extra []byte) progress {
	if r.out = r.appendBounded(r.out[:0], status, reason, extra); len(r.out) == 0 {
		r.s.metrics.drop(dropAmplifies)
		return done
	}
	return r.answer(status)
}

// answer sends the response in r.out.
func (r *request) answer(status int) progress {
	if !r.mayAnswer() {
		return done
	}
	count(&r.s.metrics.local, status)
	_ = r.s.layer.Send(r.back, r.out)
	return done
}

// finish answers with a failure through the request's transaction.
func (r *request) finish(status int, reason string, extra []byte) progress {
	switch {
	case !r.stateless:
		if r.out = r.appendBounded(r.out[:0], status, reason, extra); len(r.out) == 0 {
			r.out = r.appendResponse(r.out, status, "", nil)
		}
		r.s.table.Refuse(r.now, r.tx, r.out)
	case r.msg.Method() == wire.MethodCancel:
		return r.respond(481, "Call/Transaction Does Not Exist", nil)
	case r.msg.Method() == wire.MethodAck:
		r.s.metrics.drop(dropAck)
	default:
		return r.respond(status, reason, extra)
	}
	return done
}

// appendBounded is appendResponse, and leaves out the reason, then extra, then
// everything, where that is more than may go to the source of the request.
func (r *request) appendBounded(dst []byte, status int, reason string, extra []byte) []byte {
	start, bound := len(dst), r.bound()
	if dst = r.appendResponse(dst, status, reason, extra); len(dst)-start <= bound {
		return dst
	}
	for _, lines := range [...][]byte{extra, nil} {
		if dst = r.appendResponse(dst[:start], status, "", lines); len(dst)-start <= bound {
			return dst
		}
	}
	return dst[:start]
}

// appendResponse builds a response with received and rport in its topmost Via
// (RFC 3261 18.2.1) and a To tag that every retransmission gets again, at any pod.
func (r *request) appendResponse(dst []byte, status int, reason string, extra []byte) []byte {
	tag := r.localTag()
	o := wire.ResponseOptions{ToTag: tag[:], Extra: extra}
	var text [64]byte
	o.Received, o.RPort, o.SetRPort = r.via.Source(r.from.Remote, text[:0])
	return wire.AppendResponseWith(dst, &r.msg, status, reason, &o)
}

// localTag is the To tag of responses made here. The ACK of one that a
// transaction repeats must get there, so it has another tag than the ACK of a
// refusal, which is nobody's.
func (r *request) localTag() (tag [16]byte) {
	sum := xxhash.Sum64(r.msg.CallID()) ^ xxhash.Sum64(r.via.Branch())
	if r.trying {
		sum = ^sum
	}
	hex.Encode(tag[:], binary.BigEndian.AppendUint64(nil, sum))
	return tag
}

// acknowledgesRefusal reports whether this is the ACK of a refusal that was sent
// without a transaction, by any pod. It leads nowhere else: what was refused has
// not been passed on.
func (r *request) acknowledgesRefusal() bool {
	tag := r.localTag()
	return r.msg.Method() == wire.MethodAck && string(r.msg.ToTag()) == string(tag[:])
}
