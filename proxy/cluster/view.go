package cluster

import (
	"cmp"
	"slices"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

// Liveness is what a member knows of another.
type Liveness uint8

const (
	// Unknown is in the set, and neither met nor given up yet.
	Unknown Liveness = iota
	// Up means that there is a stream to it.
	Up
	// Down means that it is known to be dead or out of reach.
	Down
)

// String returns the name used in status and logs.
func (l Liveness) String() string {
	switch l {
	case Up:
		return "up"
	case Down:
		return "down"
	}
	return "unknown"
}

// MemberView is one published member as this member sees it.
type MemberView struct {
	config.Member
	// Liveness; of this member itself always Up.
	Liveness Liveness
	// Incarnation of the process met last; 0 if none.
	Incarnation uint64
	// Link counts the streams to it: a new number is a new stream, on which nothing sent before arrives.
	Link uint64
	// Synced: the incarnation has said that it holds what it will own.
	Synced bool
	// Leaving: published as draining, or it has said so itself.
	Leaving bool
	// CameBack: this member had taken it for dead before the stream there is.
	CameBack bool
	// Ended: it is down, and its address refuses: the process has ended, where it was is still there.
	Ended bool
}

// View is how one member sees the cluster at one moment. It is immutable and safe for concurrent use.
type View struct {
	// Epoch of the published set.
	Epoch uint64
	// Version counts the views of this process; each differs from the one before.
	Version uint64
	// Self is this member's ID.
	Self uint32
	// Set is the published set.
	Set *config.MemberSet
	// Ring is the effective ring: the published active members that live and are synced. Where there is none, the
	// active members that live; where there is none, all that live.
	Ring *ring.Table
	// Next is Ring with the live members that are joining or not yet synced: what they will own.
	Next *ring.Table
	// Members by rising ID, this one among them if it is in the set.
	Members []MemberView
	// Suspects are the IDs of the published members that are down, rising. Each may hold what nobody else does, those
	// published as joining too: whoever publishes may be late or away.
	Suspects []uint32
	// Keepers counts the other published members, up or not, that are not known to leave: those who may keep what this
	// one hands over.
	Keepers int
	// Synced: this member holds what it owns.
	Synced bool
	// Accused counts how often a peer took this process for dead while it noticed nothing.
	Accused uint64
	// Superseded: the set lists this member's ID elsewhere than where this process began, or not at all: its pod is gone
	// for whoever publishes the set, though the process still runs. Nobody tells it anything any more, so what it holds
	// grows old.
	Superseded bool
	// Pending: a published member is Unknown. Nothing may be concluded from its silence yet.
	Pending bool
	// Isolated: others are published as active, and there is a stream to nobody. It is more likely that this member is
	// cut off than that all others are gone, so nothing may be concluded from what it does not hear.
	Isolated bool
}

// takeStock fills in what follows from Members.
func (v *View) takeStock() {
	othersActive, met := false, false
	for _, m := range v.Members {
		if m.ID == v.Self {
			continue
		}
		switch m.Liveness {
		case Unknown:
			v.Pending = true
		case Down:
			v.Suspects = append(v.Suspects, m.ID)
		case Up:
			met = true
		}
		if !m.Leaving {
			v.Keepers++
			othersActive = othersActive || m.State == config.Active
		}
	}
	v.Isolated = othersActive && !met
}

// Member returns what is known of the member.
func (v *View) Member(id uint32) (MemberView, bool) {
	i, ok := slices.BinarySearchFunc(v.Members, id, func(m MemberView, id uint32) int { return cmp.Compare(m.ID, id) })
	if !ok {
		return MemberView{}, false
	}
	return v.Members[i], true
}

// Up reports whether the member is in the set and lives. It is true of this member itself.
func (v *View) Up(id uint32) bool {
	m, ok := v.Member(id)
	return ok && m.Liveness == Up
}

// Life is enough of an incarnation to tell a member's process from the one before it.
func Life(incarnation uint64) uint32 { return uint32(incarnation>>32) ^ uint32(incarnation) }

// Lives reports whether the member is up in a life. It is true of this member itself in its own.
func (v *View) Lives(id, life uint32) bool {
	m, ok := v.Member(id)
	return ok && m.Liveness == Up && Life(m.Incarnation) == life
}

// HandOver is how many members that stay must hold a partition before one that does not own it may drop it: min(R,
// Keepers).
func (v *View) HandOver() int { return min(v.Set.Ring.Replicas, v.Keepers) }

// Copies is how many members must hold an update before it is acknowledged: min(R, members that live and do not leave).
func (v *View) Copies() int {
	return max(1, min(v.Next.Replicas(), len(v.Next.Members())))
}

// Partition returns the partition of an AOR.
func (v *View) Partition(aor []byte) int {
	_, p := v.Place(aor)
	return p
}

// Place returns the hash of an AOR, under the cluster's seed, and its partition.
func (v *View) Place(aor []byte) (hash uint64, partition int) {
	hash = v.Set.Ring.Seed.Hash(aor)
	return hash, ring.Partition(hash, v.Ring.Partitions())
}
