package peer

import (
	"encoding/binary"

	"github.com/sipring/sipring/proxy/cluster"
)

// deliver takes one frame of a peer.
func (n *Node) deliver(from uint32, s *stream, kind uint8, payload []byte) {
	switch {
	case kind == kindCluster:
		i, ok := cluster.CoreOfMessage(payload)
		if !ok {
			n.counters.badFrames.Add(1)
			return
		}
		n.message(&n.cores[i], from, s, payload)
	case kind == kindLocate:
		n.answerLocate(from, payload)
	case kind == kindLocated:
		n.located(from, payload)
	case kind >= KindUser:
		n.cfg.Handler.HandleFrame(from, kind, payload)
	case kind == kindPing:
		if epoch, ok := s.pinged(payload); ok {
			n.offerSet(s, epoch)
		}
	case kind == kindState:
		if st, ok := decodeState(payload); ok {
			n.change(&change{event: func() { n.membership.PeerState(n.now(), from, s.peer.Incarnation, st.synced, st.leaving) }})
		}
	case kind == kindMissed:
		if len(payload) == 8 {
			n.mu.Lock()
			before := n.membership.Accused()
			n.apply(n.membership.PeerMissed(n.now(), from, s.peer.Incarnation, binary.BigEndian.Uint64(payload)))
			accused := n.membership.Accused() > before
			n.mu.Unlock()
			if accused {
				n.log.Warn("a peer had taken this process for dead: fetching what it acknowledged meanwhile", "peer", s.peer.Name)
			}
		}
	case kind == kindAway:
		s.fail(errAway)
	case kind == kindAwaited:
		n.answerAwaited(s, payload)
	case kind == kindVouched:
		n.vouched(payload)
	case kind == kindMembers:
		n.learn(from, payload)
	default:
		n.counters.badFrames.Add(1)
	}
}

// ownSet is the member set here as a peer reads it, nil if there is none.
func (n *Node) ownSet() []byte {
	v := n.view.Load()
	if v == nil {
		return nil
	}
	b, err := v.Set.Marshal()
	if err != nil || len(b) > maxFrame {
		return nil
	}
	return b
}

// message hands a message to its core, unless its stream was replaced: what an
// earlier process of the member said must not count for the later one. Under
// the core's lock the answer holds, since a newer stream is in place before any
// core learns of it.
func (n *Node) message(c *core, from uint32, s *stream, payload []byte) {
	e := n.takeEffects()
	c.mu.Lock()
	if n.streamTo(from) == s && !c.closed {
		c.m.Message(n.at(c), from, payload, e)
		n.settle(c, e)
	}
	c.mu.Unlock()
	n.complete(e)
}

// offerSet sends our member set, once, to a peer that told an older epoch:
// members agree even where the API is away. Called by the stream's reader.
func (n *Node) offerSet(s *stream, theirs uint64) {
	v := n.view.Load()
	if v == nil || theirs >= v.Epoch || s.offered >= v.Epoch {
		return
	}
	s.offered = v.Epoch
	if b, err := v.Set.Marshal(); err == nil {
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
