package server

import (
	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/transport"
)

// Closed implements transport.Handler. What the flow was is of no account on UDP,
// nor is there a connection to end.
func (s *Server) Closed(f flow.Flow, err error) {
	if f.Conn != 0 {
		s.ended(f)
		return
	}
	if f.Transport == flow.Local && s.apps != nil {
		s.apps.Refused()
	}
	if refused, ok := err.(*transport.Refused); ok { //nolint:errorlint // never wrapped
		s.refused(refused.Quote)
	}
}

// refused ends the branch whose request came back because nobody listens at its
// target (RFC 3261 16.9), of which data is the beginning. The
// branch in our Via proves that the request was ours; whoever makes up an ICMP
// error has to have seen that. A response that came back has another's Via on
// top and ends nothing: its caller repeats the request or is gone.
//
// Where processes share an address the kernel picks the socket that is told by
// the far end's address, which may be another process's than the one that sent
// the request: that gets the branch.
func (s *Server) refused(data []byte) {
	quote, ok := s.current().names.Find(data)
	if !ok {
		return
	}
	branch, ours := s.keys.ParseBranch(quote.Text)
	if !ours {
		return
	}
	o := quote.Owner
	if quote.Named && o.ID != s.self && s.alive(o) && s.cluster.Send(o.ID, frameRefused, quote.Text) == nil {
		s.metrics.toOwner.Add(1)
		return
	}
	s.table.TransportError(s.now(), branch.Tx, branch)
}

// refusedAtPeer takes the branch of a request of ours that came back to another
// member.
func (s *Server) refusedAtPeer(text []byte) {
	branch, ours := s.keys.ParseBranch(text)
	if !ours {
		s.metrics.drop(dropPeerFrame)
		return
	}
	if s.table.TransportError(s.now(), branch.Tx, branch) {
		s.metrics.fromPeer.Add(1)
	}
}
