package server

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/transaction"
	"github.com/sipring/sipring/proxy/wire"
)

// maxUnacked is how many INVITEs are named to the others after one tick. What is
// beyond is named when its failure is repeated the next time.
const maxUnacked = 64

// unacked gathers INVITEs whose failure is repeated, as a frame names them. Only
// the goroutine of the timers touches it.
type unacked struct{ ids []byte }

// noteUnacked is transaction.Options.Unacked. The ACK may have come to another
// member, which cannot know whose it is, nor within a dialog tell it from that of
// a 2xx, and has passed it on.
func (s *Server) noteUnacked(c *transaction.ResponseContext) {
	if len(s.unacked.ids) < maxUnacked*idLen {
		key := c.Key()
		s.unacked.ids = append(s.unacked.ids, key[:]...)
	}
}

// askAcks tells the other members which ACKs this one waits for. The caller
// acknowledges each repetition of the failure (RFC 3261 17.1.1.2), so that the
// next ACK finds its way.
func (s *Server) askAcks() {
	if len(s.unacked.ids) > 0 {
		s.toAll(frameWant, s.unacked.ids)
		s.unacked.ids = s.unacked.ids[:0]
	}
}

const (
	maxWanted  = 1024   // a power of two
	wantMillis = 10_000 // T2, after which it is said again, and as much more
)

// wanted are the INVITEs whose ACK other members wait for. Each has one place,
// where a later one may take it from it. Safe for concurrent use; looking at it
// costs the ACK of an answered call one load.
type wanted struct {
	places [maxWanted]atomic.Pointer[want]
}

type want struct {
	tx    token.TxID
	by    uint32 // the member
	until int64  // milliseconds
}

func (w *wanted) place(tx token.TxID) *atomic.Pointer[want] {
	return &w.places[binary.LittleEndian.Uint16(tx[len(tx)-2:])%maxWanted]
}

// add takes a frameWant.
func (w *wanted) add(now int64, by uint32, ids []byte) {
	for ; len(ids) >= idLen; ids = ids[idLen:] {
		tx := token.TxID(ids)
		w.place(tx).Store(&want{tx: tx, by: by, until: now + wantMillis})
	}
}

// by returns the member that waits for the ACK of an INVITE.
func (w *wanted) by(now int64, tx token.TxID) (member uint32, ok bool) {
	if e := w.place(tx).Load(); e != nil && e.tx == tx && now < e.until {
		return e.by, true
	}
	return 0, false
}

// handAck hands an ACK to the member that waits for it, and reports whether it
// has.
func (r *request) handAck() bool {
	if r.msg.Method() != wire.MethodAck {
		return false
	}
	for _, id := range r.ids {
		if by, ok := r.s.wanted.by(r.now, id); ok && r.s.cluster.Send(by, frameAck, r.msg.Raw) == nil {
			r.s.metrics.toOwner.Add(1)
			return true
		}
	}
	return false
}
