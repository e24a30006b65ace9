package server

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/forward"
)

// A connection may be over without a word. Where a load balancer spreads connections
// anew, the phone's packets come to a member that does not know its connection: the phone
// has a reset, and comes back over another one, while the member that had the first takes
// it for alive. So it is asked as soon as the phone is back, and what was sent over it
// meanwhile is sent again. Of a UDP flow through a NAT the member that had it learns that
// it has it no more.

// HandleReplaced implements peer.Handler: who has the connection is told.
func (s *Server) HandleReplaced(f flow.Flow) {
	switch {
	case !s.serving.Load():
	case f.Owner == s.self && f.Transport == flow.UDP:
		if f.Life == s.life { // not of the process before
			s.owned.remove(sourceOf(f))
		}
	case f.Owner == s.self:
		s.layer.Probe(f)
	case s.alive(forward.Owner{ID: f.Owner, Life: f.Life}):
		_ = s.cluster.Send(f.Owner, frameReplaced, flow.Append(nil, f)) // not reached: its TCP finds out
	}
}

// replacedAtPeer takes a frameReplaced.
func (s *Server) replacedAtPeer(payload []byte) {
	var f flow.Flow
	if _, ok := flow.Cut(payload, &f); ok && f.Transport == flow.UDP {
		s.owned.remove(sourceOf(f))
		return
	} else if !ok || f.Conn == 0 || f.Owner != s.self {
		s.metrics.drop(dropPeerFrame)
		return
	}
	s.layer.Probe(f)
}
