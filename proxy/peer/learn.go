package peer

import (
	"errors"
	"fmt"
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

// learn takes a member set from the peer of that ID, 0 for one that is not listed.
// What a peer brings is believed for its signature, or, where nobody signs, for
// saying nothing of others that was not known.
func (n *Node) learn(from uint32, b []byte) {
	if trust := n.trust(); trust != nil {
		set, err := trust.ParseMemberSet(b)
		n.learnt(from, set, err, true)
		return
	}
	set, err := config.ParseMemberSet(b)
	n.learnt(from, set, err, false)
}

func (n *Node) trust() *config.Trust {
	if n.cfg.Trust == nil {
		return nil
	}
	return n.cfg.Trust()
}

func (n *Node) learnt(from uint32, set *config.MemberSet, err error, signed bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case errors.Is(err, config.ErrUnsigned):
		n.refuseSet(err)
		return
	case err != nil:
		n.counters.badFrames.Add(1)
		return
	}
	current := n.view.Load()
	if current != nil && set.Epoch <= current.Epoch {
		n.setMembers(set) // ignores and counts it
		return
	}
	if !signed {
		if err := n.adds(from, set); err != nil {
			n.refuseSet(err)
			return
		}
	}
	n.setMembers(set)
}

// refuseSet counts a peer's set that is not believed, and logs it once in a while:
// who brings such sets may bring many.
func (n *Node) refuseSet(err error) {
	n.counters.setsRefused.Add(1)
	if now := time.Now(); now.Sub(n.refusedAt) >= refusalLogged {
		n.refusedAt = now
		n.log.Warn("member set of a peer refused", "error", err)
	}
}

// adds says why a set that nobody signed is more than a peer may say: that there
// are further members, that those that were joining are in the ring, and whatever
// of itself.
func (n *Node) adds(from uint32, set *config.MemberSet) error {
	own, now := n.own, n.inForce()
	if own == nil || now == nil {
		return errors.New("there is none of this member's own source yet")
	}
	if set.Epoch > own.Epoch+maxEpochsAhead {
		return fmt.Errorf("epoch %d is more than %d ahead of this member's own source, %d", set.Epoch, maxEpochsAhead, own.Epoch)
	}
	if set.Advertise != now.Advertise || set.Ring != now.Ring {
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
func (n *Node) overrule(set *config.MemberSet) *config.MemberSet {
	now := n.inForce()
	if n.trust() != nil || now == nil || n.own == nil || set.Epoch <= n.own.Epoch || set.Epoch > now.Epoch || set.SameContent(now) {
		return set
	}
	above := *set
	above.Epoch = now.Epoch + 1
	return &above
}

// inForce is the set of the view; nil before there is one.
func (n *Node) inForce() *config.MemberSet {
	if v := n.view.Load(); v != nil {
		return v.Set
	}
	return nil
}
