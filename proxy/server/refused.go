package server

import (
	"bytes"

	"github.com/sipring/sipring/proxy/token"
)

// HandleRefusal implements transport.RefusalHandler: it ends the branch whose
// request came back because nobody listens at its target (RFC 3261 16.9). The
// branch in our Via proves that the request was ours; whoever makes up an ICMP
// error has to have seen that. A response that came back has another's Via on
// top and ends nothing: its caller repeats the request or is gone.
func (l *loop) HandleRefusal(data []byte) {
	s := l.s
	head := s.snap.Load().viaHead
	at := bytes.Index(data, head)
	if at < 0 || bytes.HasPrefix(data, responsePrefix) {
		return
	}
	rest := data[at+len(head):]
	if len(rest) < token.BranchLen { // quoted in part
		return
	}
	if branch, ours := s.keys.ParseBranch(rest[:token.BranchLen]); ours {
		s.table.TransportError(s.now(), branch.Tx, branch)
	}
}

var responsePrefix = []byte("SIP/2.0 ")
