package peer

import (
	"encoding/binary"

	"github.com/sipring/sipring/proxy/cluster"
)

// delivery gives each frame of a peer to whom it is for. It keeps nothing; each
// stream's reader calls it.
type delivery struct {
	cores      *cores
	locator    *locator
	membership *membership
	vouching   *vouching
	view       *current
	metrics    *metrics
	handler    Handler
}

// deliver takes one frame of a peer; the payload is valid during the call only.
func (d *delivery) deliver(from uint32, s *stream, kind uint8, payload []byte) {
	switch {
	case kind == kindCluster:
		i, ok := cluster.CoreOfMessage(payload)
		if !ok {
			d.metrics.unreadable.Inc()
			return
		}
		d.cores.message(&d.cores.all[i], from, s, payload)
	case kind == kindLocate:
		d.locator.answer(from, payload)
	case kind == kindLocated:
		d.locator.answered(from, payload)
	case kind >= KindUser:
		d.handler.HandleFrame(from, kind, payload)
	case kind == kindPing:
		if epoch, ok := s.pinged(payload); ok {
			s.offerSet(d.view.Load(), epoch)
		} else {
			d.metrics.unreadable.Inc()
		}
	case kind == kindState:
		if st, ok := decodeState(payload); ok {
			d.membership.peerState(from, s, st)
		} else {
			d.metrics.unreadable.Inc()
		}
	case kind == kindMissed && len(payload) == 8:
		d.membership.peerMissed(from, s, binary.BigEndian.Uint64(payload))
	case kind == kindAway:
		s.fail(errAway)
	case kind == kindAwaited:
		d.vouching.answer(s, payload)
	case kind == kindVouched:
		d.membership.peerVouched(payload)
	case kind == kindMembers:
		d.membership.learn(from, payload)
	default:
		d.metrics.unreadable.Inc()
	}
}

// offerSet sends our member set, once, to a peer that told an older epoch:
// members agree even where the API is away. Called by the stream's reader; v may
// be nil.
func (s *stream) offerSet(v *cluster.View, theirs uint64) {
	if v == nil || theirs >= v.Epoch || s.offered >= v.Epoch {
		return
	}
	s.offered = v.Epoch
	if b, err := v.Set.AsRead(); err == nil {
		_ = s.append(kindMembers, b) // one too long for a frame comes by other ways only
	}
}

func (s selfState) encode() []byte {
	b := []byte{0}
	if s.synced {
		b[0] |= 1
	}
	if s.leaving {
		b[0] |= 2
	}
	return b
}

func (s selfState) send(to *stream) { _ = to.append(kindState, s.encode()) }

func decodeState(b []byte) (selfState, bool) {
	if len(b) != 1 {
		return selfState{}, false
	}
	return selfState{synced: b[0]&1 != 0, leaving: b[0]&2 != 0}, true
}
