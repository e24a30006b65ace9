package peer

import (
	"encoding/binary"
	"errors"

	"github.com/sipring/sipring/proxy/cluster"
)

// What one peer does to the view.

// peerUp announces a stream that stands, before anything of it is read.
func (m *membership) peerUp(l *link, s *stream) {
	taken := false
	m.change(&change{
		event: func() {
			if m.links.to(l.id) != l || m.closed {
				s.fail(errClosed) // the member left or moved meanwhile
				return
			}
			l.up, l.incarnation, taken = true, s.peer.Incarnation, true
			m.machine.PeerUp(m.clock.now(), l.id, s.peer.Incarnation, s.peer.Synced, s.peer.Leaving)
		},
		before: func(v *cluster.View) {
			if !taken {
				return
			}
			s.since.Store(v.Version)
			if missed := m.machine.Missed(l.id); missed > 0 {
				_ = s.append(kindMissed, binary.BigEndian.AppendUint64(nil, missed))
			}
		},
		after: func() {
			if !taken {
				return
			}
			m.news.up(l, &s.peer, m.view.epoch())
			m.told.send(s)
			v := m.view.Load()
			if v.Pending {
				m.vouching.ask(l.id, awaited(v))
			}
			s.offerSet(v, s.peer.Epoch)
		},
	})
}

// peerSuspected tells that a stream ended which nobody here ended or replaced.
func (m *membership) peerSuspected(l *link, cause error) {
	if errors.Is(cause, errClosed) || errors.Is(cause, errReplaced) {
		return
	}
	m.log.Info("the stream to a member ended", step("suspected"), "member", l.peer().Name, "epoch", m.view.epoch(), "cause", cause)
}

// peerDown announces that a member is dead or out of reach.
func (m *membership) peerDown(l *link, cause error) {
	m.change(&change{loss: true, event: func() {
		if m.links.to(l.id) == l && !m.closed {
			m.lose(l, cause)
		}
	}})
}

// lose says that a member is down; called with mu held.
func (m *membership) lose(l *link, cause error) *cluster.View {
	l.up, l.refused = false, refused(cause)
	m.news.down(l, m.view.epoch(), cause)
	if l.refused {
		return m.machine.PeerEnded(m.clock.now(), l.id, cause.Error())
	}
	return m.machine.PeerDown(m.clock.now(), l.id, cause.Error())
}

// peerState takes what a peer says of itself.
func (m *membership) peerState(from uint32, s *stream, st selfState) {
	m.change(&change{event: func() {
		m.machine.PeerState(m.clock.now(), from, s.peer.Incarnation, st.synced, st.leaving)
	}})
}

// peerMissed takes the word of a peer that it had taken this process for dead.
func (m *membership) peerMissed(from uint32, s *stream, missed uint64) {
	m.mu.Lock()
	before := m.machine.Accused()
	m.apply(m.machine.PeerMissed(m.clock.now(), from, s.peer.Incarnation, missed))
	accused := m.machine.Accused() > before
	m.mu.Unlock()
	if accused {
		m.log.Warn("a peer had taken this process for dead: fetching what it acknowledged meanwhile", "peer", s.peer.Name)
	}
}

// peerVouched takes the word of a peer for members that it has a stream to.
func (m *membership) peerVouched(payload []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !eachAwaited(payload, func(id uint32) { m.machine.Vouched(m.clock.now(), id) }) {
		m.metrics.unreadable.Inc()
	}
}
