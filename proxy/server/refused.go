package server

import (
	"bytes"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transport"
)

// Closed implements transport.Handler. What the flow was is of no account on UDP,
// nor is there a connection to end.
func (s *Server) Closed(_ flow.Flow, err error) {
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
	head := s.current().viaHead
	at := bytes.Index(data, head)
	if at < 0 || bytes.HasPrefix(data, responsePrefix) {
		return
	}
	rest := data[at+len(head):]
	if len(rest) < token.BranchLen { // quoted in part
		return
	}
	text, tail := rest[:token.BranchLen], rest[token.BranchLen:]
	branch, ours := s.keys.ParseBranch(text)
	if !ours {
		return
	}
	id, life, named := ownerInTail(tail)
	if named && id != s.self && s.alive(id, life) && s.cluster.Send(id, frameRefused, text) == nil {
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

// ownerInTail reads the owner from what follows the branch in a Via of ours, if
// that is quoted as far.
func ownerInTail(tail []byte) (id, life uint32, named bool) {
	value, ours := bytes.CutPrefix(tail, ownerPrefix)
	end := bytes.IndexByte(value, ';')
	if !ours || end < 0 {
		return 0, 0, false
	}
	return parseOwner(value[:end])
}

var ownerPrefix = []byte(";rport;o=")

var responsePrefix = []byte("SIP/2.0 ")
