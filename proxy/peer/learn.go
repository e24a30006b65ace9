package peer

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// How much further than this member's own source a peer's set may go where nobody
// signs sets: epochs, and members that it adds. Whoever holds the cluster's key can
// be a peer. What goes further comes by the own source.
const (
	maxEpochsAhead = 16
	maxNewcomers   = 16
)

// refusalLogged is how often refused sets are logged, at most.
const refusalLogged = time.Minute

// learner says which member sets are believed: all of the own source, and what a
// peer brings for its signature, or, where nobody signs, if it says nothing of
// others that was not known. What it keeps is guarded by membership.mu.
type learner struct {
	trusted func() *config.Trust // Config.Trust; may be nil

	own       *config.MemberSet // the newest of this member's own source
	refusedAt time.Time         // when a peer's set was last logged as refused
}

// trust says whose signature is believed, nil while nobody signs.
func (l *learner) trust() *config.Trust {
	if l.trusted == nil {
		return nil
	}
	return l.trusted()
}

// parse reads a peer's set; signed tells that its signature is believed. It keeps
// nothing and needs no lock.
func (l *learner) parse(b []byte) (set *config.MemberSet, signed bool, err error) {
	if trust := l.trust(); trust != nil {
		set, err = trust.ParseMemberSet(b)
		return set, true, err
	}
	set, err = config.ParseMemberSet(b)
	return set, false, err
}

// follow takes a set of the own source.
func (l *learner) follow(set *config.MemberSet) {
	if l.own == nil || set.Epoch > l.own.Epoch {
		l.own = set
	}
}

// learn takes a member set from the peer of that ID, 0 for one that is not listed.
func (m *membership) learn(from uint32, b []byte) {
	set, signed, err := m.learner.parse(b)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case errors.Is(err, config.ErrUnsigned):
		m.refuseSet(err)
		return
	case err != nil:
		m.metrics.unreadable.Inc()
		return
	}
	now := m.view.set()
	if now != nil && set.Epoch <= now.Epoch {
		m.set(set) // ignores and counts it
		return
	}
	if !signed {
		if err := m.learner.adds(from, set, now); err != nil {
			m.refuseSet(err)
			return
		}
	}
	m.set(set)
}

// refuseSet counts a peer's set that is not believed, and logs it once in a while:
// who brings such sets may bring many.
func (m *membership) refuseSet(err error) {
	m.metrics.setsRefused.Inc()
	if now := time.Now(); now.Sub(m.learner.refusedAt) >= refusalLogged {
		m.learner.refusedAt = now
		m.log.Warn("member set of a peer refused", "error", err)
	}
}

// adds says why a set that nobody signed is more than a peer may say: that there
// are further members, that those that were joining are in the ring, and whatever
// of itself. now is the set in force.
func (l *learner) adds(from uint32, set, now *config.MemberSet) error {
	own := l.own
	if own == nil || now == nil {
		return errors.New("there is none of this member's own source yet")
	}
	if set.Epoch > own.Epoch+maxEpochsAhead {
		return fmt.Errorf("epoch %d is more than %d ahead of this member's own source, %d", set.Epoch, maxEpochsAhead, own.Epoch)
	}
	if set.Advertise != now.Advertise || set.Second != now.Second || !slices.Equal(set.Listeners, now.Listeners) || set.Ring != now.Ring {
		return fmt.Errorf("epoch %d has another advertised address or ring", set.Epoch)
	}
	if len(set.Members) > len(own.Members)+maxNewcomers {
		return fmt.Errorf("epoch %d adds more than %d members", set.Epoch, maxNewcomers)
	}
	for _, m := range now.Members {
		if m.ID == from {
			continue
		}
		next, ok := set.Member(m.ID)
		if ok && m.State == config.Joining && next.State == config.Active {
			next.State = m.State
		}
		if !ok || next != m {
			return fmt.Errorf("epoch %d takes out or changes %q", set.Epoch, m.Name)
		}
	}
	return nil
}

// overrule is a newer set of the own source, above what peers have brought without
// a signature: their epochs must not make it an older one.
func (l *learner) overrule(set, now *config.MemberSet) *config.MemberSet {
	if l.trust() != nil || now == nil || l.own == nil || set.Epoch <= l.own.Epoch || set.Epoch > now.Epoch || set.SameContent(now) {
		return set
	}
	above := *set
	above.Epoch = now.Epoch + 1
	return &above
}
