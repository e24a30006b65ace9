package transaction

import (
	"encoding/hex"
	"strconv"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// ownLimits are for messages that this proxy has put together from others that
// kept to the limits.
var ownLimits = wire.Limits{MaxMessage: 1 << 18, MaxHeaders: 1 << 12, MaxHeaderLen: 1 << 17, MaxStartLine: 1 << 16}

// maxReason bounds the Reason headers taken from a CANCEL, in bytes.
const maxReason = 512

// messages builds what a shard sends of its own, in memory that is used again.
type messages struct {
	pool  buffers
	arena []byte       // messages built for the actions of this event only
	msg   wire.Message // of our own messages, to build others from
}

const maxArena = 16 << 10 // bytes

// forget lets what was built for the last event be used again.
func (m *messages) forget() {
	if m.arena = m.arena[:0]; cap(m.arena) > maxArena {
		m.arena = nil
	}
	m.pool.flush()
}

// replace makes a copy of b the value of a buffer.
func (m *messages) replace(dst *[]byte, b []byte) {
	m.pool.release(dst)
	*dst = m.pool.keep(b)
}

// buildTemplate returns the 100 to a request (RFC 3261 8.2.6), in a buffer of
// the pool.
func (m *messages) buildTemplate(req *wire.Message, src flow.Flow) []byte {
	start := len(m.arena)
	m.arena = m.appendResponse(m.arena, req, src, 100, nil)
	return m.pool.keep(m.arena[start:])
}

// buildCancelOK returns the 200 to a CANCEL, with the To tag of what the INVITE
// would be answered here (RFC 3261 9.2).
func (m *messages) buildCancelOK(key token.TxID, req *wire.Message, src flow.Flow) []byte {
	start := len(m.arena)
	tag := localTag(key)
	m.arena = m.appendResponse(m.arena, req, src, 200, tag[:])
	return m.arena[start:]
}

// appendResponse appends a response to a request from src, its topmost Via
// marked as RFC 3261 18.2.1 and RFC 3581 4 want it.
func (m *messages) appendResponse(dst []byte, req *wire.Message, src flow.Flow, status int, toTag []byte) []byte {
	o := wire.ResponseOptions{ToTag: toTag}
	var text [64]byte
	if via, err := req.TopVia(); err == nil && src.Remote.IsValid() {
		o.Received, o.RPort, o.SetRPort = via.Source(src.Remote, text[:0])
	}
	return wire.AppendResponseWith(dst, req, status, reasonPhrase(status), &o)
}

// buildLocal returns a final response made here from the 100, in a buffer of the
// pool.
func (m *messages) buildLocal(template []byte, key token.TxID, status int) []byte {
	_ = m.msg.Scan(template, &ownLimits) // ours; what could not be read is left out
	tag := localTag(key)
	start := len(m.arena)
	m.arena = wire.AppendResponse(m.arena, &m.msg, status, reasonPhrase(status), tag[:], nil)
	return m.pool.keep(m.arena[start:])
}

// localTag is the To tag of responses made here: the same on every pod.
func localTag(key token.TxID) (tag [16]byte) {
	hex.Encode(tag[:], key[len(key)-8:])
	return tag
}

func reasonPhrase(status int) string {
	switch status {
	case 100:
		return "Trying"
	case 200:
		return "OK"
	case 408:
		return "Request Timeout"
	case 480:
		return "Temporarily Unavailable"
	case 487:
		return "Request Terminated"
	}
	return "Server Internal Error"
}

// buildAck returns the ACK to a failure (RFC 3261 17.1.1.3), in a buffer of the
// pool, and nil if the INVITE cannot be read.
func (m *messages) buildAck(b *Branch, resp *wire.Message) []byte {
	to, _ := resp.Get(wire.HeaderTo)
	start := len(m.arena)
	m.arena = m.appendHop(m.arena, b, "ACK", to, nil)
	if len(m.arena) == start {
		return nil
	}
	return m.pool.keep(m.arena[start:])
}

// buildCancel returns the CANCEL of a branch (RFC 3261 9.1), valid until the
// next event, and nothing if the INVITE cannot be read.
func (m *messages) buildCancel(b *Branch, reason []byte) []byte {
	start := len(m.arena)
	m.arena = m.appendHop(m.arena, b, "CANCEL", nil, reason)
	return m.arena[start:len(m.arena):len(m.arena)]
}

// appendHop appends the ACK or CANCEL that goes with a branch's INVITE: the same
// Request-URI, topmost Via, Route, From, Call-ID and CSeq number; To is that of
// the INVITE if none is given.
func (m *messages) appendHop(dst []byte, b *Branch, method string, to, extra []byte) []byte {
	inv := &m.msg
	if inv.Scan(b.request, &ownLimits) != nil {
		return dst
	}
	number, _, err := inv.CSeq()
	if err != nil {
		return dst
	}
	if to == nil {
		to, _ = inv.Get(wire.HeaderTo)
	}
	from, _ := inv.Get(wire.HeaderFrom)
	dst = append(append(dst, method...), ' ')
	dst = append(append(dst, inv.RequestURI()...), " SIP/2.0\r\n"...)
	for via := range inv.Values(wire.HeaderVia) {
		dst = appendHeader(dst, "Via", via)
		break
	}
	for i := range inv.Headers {
		if h := &inv.Headers[i]; h.ID == wire.HeaderRoute {
			dst = appendHeader(dst, "Route", h.Value.In(inv.Raw))
		}
	}
	dst = append(dst, "Max-Forwards: 70\r\n"...)
	dst = appendHeader(dst, "From", from)
	dst = appendHeader(dst, "To", to)
	dst = appendHeader(dst, "Call-ID", inv.CallID())
	dst = append(dst, "CSeq: "...)
	dst = strconv.AppendUint(dst, uint64(number), 10)
	dst = append(append(append(dst, ' '), method...), "\r\n"...)
	dst = append(dst, extra...)
	return append(dst, "Content-Length: 0\r\n\r\n"...)
}

// keepReason keeps why the caller cancelled, for the branches (RFC 3326 2).
func (m *messages) keepReason(reason *[]byte, req *wire.Message) {
	start := len(m.arena)
	for i := range req.Headers {
		h := &req.Headers[i]
		if h.ID != wire.HeaderReason {
			continue
		}
		if value := h.Value.In(req.Raw); len(m.arena)-start+len(value) < maxReason {
			m.arena = appendHeader(m.arena, "Reason", value)
		}
	}
	if len(m.arena) > start {
		m.replace(reason, m.arena[start:])
	}
}

func appendHeader(dst []byte, name string, value []byte) []byte {
	dst = append(append(dst, name...), ": "...)
	return append(append(dst, value...), '\r', '\n')
}
