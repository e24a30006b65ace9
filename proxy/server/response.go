package server

import (
	"github.com/sipring/sipring/proxy/peer"
	"github.com/sipring/sipring/proxy/transport"
)

// Kinds of frames between members.
const (
	// frameResponse carries a SIP response to the owner of its transaction.
	frameResponse = peer.KindUser
	// frameAck carries an ACK to whoever has its transaction.
	frameAck = peer.KindUser + 1
)

// response takes a response on its way back (RFC 3261 16.7), and releases r.
func (r *request) response() {
	s := r.s
	defer r.release()
	via, err := r.msg.TopVia()
	if err != nil {
		s.metrics.drop(dropMalformed)
		return
	}
	branch, ours := s.keys.ParseBranch(via.Branch())
	if !ours {
		s.metrics.drop(dropStray)
		return
	}
	r.edit.Reset(&r.msg)
	r.edit.RemoveTopVia()
	r.out = r.edit.Append(r.out[:0])
	if s.table.Response(r.now, branch.Tx, branch, &r.msg, r.out) {
		return
	}
	id, life, ok := owner(&via)
	switch {
	case ok && id == s.self && life == s.life:
		s.metrics.drop(dropLate) // RFC 6026 7.3
	case ok && id != s.self && !r.peer && s.alive(id) && s.cluster.Send(id, frameResponse, r.msg.Raw) == nil:
		s.metrics.toOwner.Add(1)
	default:
		r.statelessResponse()
	}
}

// statelessResponse forwards a response whose owner is dead, or has forgotten,
// by its next Via (RFC 3261 16.11, 18.2.2). We signed the branch, and wrote
// received and rport into the next Via, when the request passed.
func (r *request) statelessResponse() {
	via, err := r.msg.SecondVia()
	if err != nil {
		r.s.metrics.drop(dropStray)
		return
	}
	to, ok := transport.ResponseDestination(&via)
	if !ok || !isUnicast(to.Addr()) { // RFC 4475 3.3.10
		r.s.metrics.drop(dropNoDestination)
		return
	}
	r.s.metrics.stateless.Add(1)
	count(&r.s.metrics.forwarded, r.msg.StatusCode())
	_ = r.s.socket.Send(r.loop, to, r.out)
}

// HandleFrame takes a SIP frame from another member; payload is valid during
// the call.
func (s *Server) HandleFrame(_ uint32, kind uint8, payload []byte) {
	if kind != frameResponse && kind != frameAck || !s.serving.Load() {
		s.metrics.drop(dropPeerFrame)
		return
	}
	r := s.takeRequest()
	r.raw = append(r.raw[:0], payload...)
	r.loop, r.now, r.snap, r.peer = 0, s.now(), s.current(), true
	err := r.msg.Scan(r.raw, &s.limits)
	if err == nil {
		err = r.msg.Validate()
	}
	switch {
	case err != nil || r.msg.IsRequest() != (kind == frameAck):
		s.metrics.drop(dropPeerFrame)
		r.release()
	case kind == frameAck:
		r.ackOfPeer()
	default:
		s.metrics.fromPeer.Add(1)
		r.response()
	}
}
