package cluster

import (
	"github.com/sipring/sipring/proxy/config"
)

// Membership turns the published set and what is known of the peers into views. It is a pure state machine: now is in
// milliseconds, nothing here is safe for concurrent use. Every event returns the new View, or nil if nothing changed;
// the driver hands a new View to every Core, and publishes it, before it does anything else with the peer concerned.
type Membership struct {
}

// NewMembership returns the membership of the member self, started as incarnation.
func NewMembership(self uint32, incarnation uint64, unknownWait int64) *Membership { return nil }

// View returns the current view, nil before the first set.
func (m *Membership) View() *View { return nil }

// SetChanged takes a published set. An older epoch, the same epoch with other content, and another number of
// partitions are ignored and counted in Ignored.
func (m *Membership) SetChanged(now int64, set *config.MemberSet) *View { return nil }

// PeerUp says that a new stream to the peer stands. It must be called, and the View given to all cores, before the
// first message from that stream is.
func (m *Membership) PeerUp(now int64, id uint32, incarnation uint64, synced, leaving bool) *View {
	return nil
}

// PeerState says that the peer has said that it is, or is not, synced and leaving.
func (m *Membership) PeerState(now int64, id uint32, incarnation uint64, synced, leaving bool) *View {
	return nil
}

// PeerDown says that the peer is dead or out of reach: a lost stream and a refused or failed redial, or the word of
// gossip. A stream that breaks and stands again with the same incarnation is only a PeerUp.
func (m *Membership) PeerDown(now int64, id uint32, reason string) *View { return nil }

// Progress takes the sum of the cores' progress (Progress.Add).
func (m *Membership) Progress(now int64, p Progress) *View { return nil }

// Drain says that this member leaves: it is out of its own ring and hands over.
func (m *Membership) Drain(now int64) *View { return nil }

// Tick gives up on members that were never met.
func (m *Membership) Tick(now int64) *View { return nil }

// SelfState is what this member tells its peers in the handshake, and by a control frame when it changes.
func (m *Membership) SelfState() (synced, leaving bool) { return false, false }

// Drained reports that this member has been told to leave and others hold everything it held.
func (m *Membership) Drained() bool { return false }

// Ignored counts the sets that were ignored.
func (m *Membership) Ignored() uint64 { return 0 }
