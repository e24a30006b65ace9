package server

import (
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transaction"
)

// maxSilent is how many INVITEs the others are asked for after one tick. What is
// beyond is asked for when it is repeated the next time.
const maxSilent = 64

const idLen = len(token.TxID{})

// silent gathers INVITEs without an answer, as a frame names them. Only the
// goroutine of the timers touches it.
type silent struct{ ids []byte }

// noteSilent is transaction.Options.Silent. An INVITE that nobody answers may be
// a retransmission that the network has handed here instead of to the member
// that has the first copy: the phone sees one transaction, and answers that one
// alone. This one would go on ringing a phone that has declined, and tell the
// caller 408 after 32 s while the phone still rings.
func (s *Server) noteSilent(c *transaction.ResponseContext) {
	if len(s.silent.ids) < maxSilent*idLen {
		key := c.Key()
		s.silent.ids = append(s.silent.ids, key[:]...)
	}
}

// askAnswers asks the other members for what noteSilent has gathered. Who does
// not answer has none: then the INVITE is this member's to repeat.
func (s *Server) askAnswers() {
	if len(s.silent.ids) == 0 {
		return
	}
	if v := s.cluster.View(); v != nil {
		for i := range v.Members {
			if m := &v.Members[i]; m.ID != s.self && m.Liveness == cluster.Up {
				_ = s.cluster.Send(m.ID, frameAsk, s.silent.ids)
			}
		}
	}
	s.silent.ids = s.silent.ids[:0]
}

// tellAnswered answers a frameAsk.
func (s *Server) tellAnswered(from uint32, ids []byte) {
	var have []byte // seldom any
	for ; len(ids) >= idLen; ids = ids[idLen:] {
		if s.table.Answered(token.TxID(ids)) {
			have = append(have, ids[:idLen]...)
		}
	}
	if have != nil {
		_ = s.cluster.Send(from, frameHave, have) // lost: asked again
	}
}

// yield takes a frameHave.
func (s *Server) yield(ids []byte) {
	for ; len(ids) >= idLen; ids = ids[idLen:] {
		s.table.Yield(s.now(), token.TxID(ids))
	}
}
