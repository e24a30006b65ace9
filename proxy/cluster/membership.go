package cluster

import (
	"cmp"
	"maps"
	"slices"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

// DefaultUnknownWait is how long a member of the set that was never met may still turn up, ms.
const DefaultUnknownWait = 3000

// Membership turns the published set and what is known of the peers into views. It is a pure state machine: now is in
// milliseconds, nothing here is safe for concurrent use. Every event returns the new View, or nil if nothing changed;
// the driver hands a new View to every Core, and publishes it, before it does anything else with the peer concerned.
type Membership struct {
	self        uint32
	incarnation uint64
	unknownWait int64

	set     *config.MemberSet
	address string // where this member was listed first
	peers   map[uint32]*peerState
	view    *View
	links   uint64
	losses  uint64
	accused uint64
	ignored Ignored

	synced, leaving, drained bool
	together                 bool // several events are to make one view
}

// peerState is what is known of one peer.
type peerState struct {
	liveness        Liveness
	incarnation     uint64
	link            uint64
	synced, leaving bool
	awaitedSince    int64

	lost     bool   // taken for dead since the last stream
	missed   uint64 // the last of our losses that was of this incarnation, 0 if none
	heard    uint64 // the last of its losses that was of us, as it told
	cameBack bool   // from a loss of ours, with the stream there is
	ended    bool   // its address refused when it was taken for dead
}

// NewMembership returns the membership of the member self, started as incarnation. unknownWait is how long to wait for
// members never met, in ms; 0 means DefaultUnknownWait.
func NewMembership(self uint32, incarnation uint64, unknownWait int64) *Membership {
	return &Membership{
		self: self, incarnation: incarnation, unknownWait: cmp.Or(unknownWait, DefaultUnknownWait),
		peers: map[uint32]*peerState{},
	}
}

// View returns the current view, nil before the first set.
func (m *Membership) View() *View { return m.view }

// SelfState is what this member tells its peers in the handshake, and by a control frame when it changes.
func (m *Membership) SelfState() (synced, leaving bool) { return m.synced, m.leaving }

// Drained reports that this member leaves, and that as many of the published members that stay hold what it held as
// are to hold it, or that nobody stays.
func (m *Membership) Drained() bool { return m.drained }

// Ignored counts the sets that were ignored: those of an older epoch, and those that contradict the one in force.
type Ignored struct{ Older, Conflicting uint64 }

// Ignored counts the sets that were ignored.
func (m *Membership) Ignored() Ignored { return m.ignored }

// SetChanged takes a published set, which must be valid. An older epoch, the same epoch with other content, and another
// number of partitions or seed are ignored and counted.
func (m *Membership) SetChanged(now int64, set *config.MemberSet) *View {
	if old := m.set; old != nil {
		if set.Equal(old) {
			return nil
		}
		switch {
		case set.Epoch < old.Epoch:
			m.ignored.Older++
			return nil
		case set.Epoch == old.Epoch || set.Ring.Follows(old.Ring) != nil:
			m.ignored.Conflicting++
			return nil
		}
	}
	m.set = set
	if self, ok := set.Member(m.self); ok {
		m.address = cmp.Or(m.address, self.Address)
	}
	for _, member := range set.Members {
		if member.ID != m.self && m.peers[member.ID] == nil {
			m.peers[member.ID] = &peerState{awaitedSince: now}
		}
	}
	maps.DeleteFunc(m.peers, func(id uint32, p *peerState) bool {
		_, published := set.Member(id)
		return !published && p.liveness != Up
	})
	return m.rebuild()
}

// PeerUp says that a new stream to the peer stands. It must be called, and the View given to all cores, before the
// first message from that stream is.
func (m *Membership) PeerUp(now int64, id uint32, incarnation uint64, synced, leaving bool) *View {
	if id == m.self {
		return nil
	}
	m.links++
	p := &peerState{liveness: Up, incarnation: incarnation, link: m.links, synced: synced, leaving: leaving, awaitedSince: now}
	if old := m.peers[id]; old != nil && old.incarnation == incarnation {
		p.missed, p.heard, p.cameBack = old.missed, old.heard, old.lost
	}
	alone := m.view != nil && m.view.Isolated
	m.peers[id] = p
	if alone {
		m.hopeAgain(now)
	}
	return m.rebuild()
}

// hopeAgain gives everybody who was silent while nobody was reached as long to turn up as at the start: that said nothing
// of them.
func (m *Membership) hopeAgain(now int64) {
	for _, p := range m.peers {
		if p.liveness != Up {
			p.liveness, p.awaitedSince = Unknown, now
		}
	}
}

// Missed is what a peer is to be told as the first thing on a new stream: a number that is greater each time that its
// process had been taken for dead here; 0 if it never was.
func (m *Membership) Missed(id uint32) uint64 {
	if p := m.peers[id]; p != nil {
		return p.missed
	}
	return 0
}

// PeerMissed takes what the peer told of that kind. Where this member noticed no loss itself it may have been stopped, and
// taken for dead by others too, which it has not heard of yet: it asks everybody before it serves on. What the peer
// acknowledged meanwhile it tells each core with its first announcement.
func (m *Membership) PeerMissed(_ int64, id uint32, incarnation, missed uint64) *View {
	p := m.peers[id]
	if p == nil || p.incarnation != incarnation || missed <= p.heard {
		return nil
	}
	p.heard = missed
	if p.cameBack {
		return nil
	}
	m.accused++
	return m.rebuild()
}

// Accused counts how often a peer took this process for dead without this one having lost it.
func (m *Membership) Accused() uint64 { return m.accused }

// PeerState says that the peer has said that it is, or is not, synced and leaving.
func (m *Membership) PeerState(_ int64, id uint32, incarnation uint64, synced, leaving bool) *View {
	p := m.peers[id]
	if p == nil || p.incarnation != incarnation {
		return nil
	}
	p.synced, p.leaving = synced, leaving
	return m.rebuild()
}

// PeerDown says that the peer is dead or out of reach: a lost stream and a refused or failed redial, or
// silence. A stream that breaks and stands again with the same incarnation is only a PeerUp.
func (m *Membership) PeerDown(now int64, id uint32, _ string) *View {
	if id == m.self {
		return nil
	}
	p := m.peers[id]
	if p == nil {
		p = &peerState{awaitedSince: now}
		m.peers[id] = p
	}
	if p.liveness == Up {
		m.losses++
		p.missed, p.lost = m.losses, true
	}
	p.liveness, p.ended = Down, false
	return m.rebuild()
}

// PeerEnded is PeerDown of a peer whose address answers, and refuses.
func (m *Membership) PeerEnded(now int64, id uint32, cause string) (v *View) {
	together := m.together
	m.together = true
	m.PeerDown(now, id, cause)
	if m.together = together; id != m.self {
		m.peers[id].ended = true
	}
	return m.rebuild()
}

// Progress takes the sum of the cores' progress (Progress.Add). A sum that is not of the current view is ignored.
func (m *Membership) Progress(_ int64, p Progress) *View {
	v := m.view
	if v == nil || p.Version != v.Version {
		return nil
	}
	_, published := v.Set.Member(m.self)
	switch {
	case p.Demoted:
		m.synced = false
	case p.Filling == 0 && published && !v.Pending:
		m.synced = true
	}
	m.drained = m.gone() && (p.Filling+p.Held+p.Leaving == 0 || v.Keepers == 0)
	return m.rebuild()
}

// gone reports whether this member is out of the ring for good.
func (m *Membership) gone() bool {
	self, published := m.view.Set.Member(m.self)
	return m.leaving || !published || self.State == config.Draining
}

// Vouched says that a peer has a stream to the member: that this one has met it never is no reason to give it up yet.
func (m *Membership) Vouched(now int64, id uint32) {
	if p := m.peers[id]; p != nil && p.liveness == Unknown {
		p.awaitedSince = now
	}
}

// Drain says that this member leaves: it is out of its own ring and hands over.
func (m *Membership) Drain(_ int64) *View {
	m.leaving = true
	return m.rebuild()
}

// Tick gives up on members that were never met and that nobody vouches for. Call it every 100 ms or so.
func (m *Membership) Tick(now int64) *View {
	changed := false
	for _, p := range m.peers {
		if p.liveness == Unknown && now-p.awaitedSince >= m.unknownWait {
			p.liveness, changed = Down, true
		}
	}
	if !changed {
		return nil
	}
	return m.rebuild()
}

// Together runs several events, of different peers, and returns the View after all of them, nil if nothing changed. The
// events themselves return nil.
func (m *Membership) Together(events func()) *View {
	m.together = true
	events()
	m.together = false
	return m.rebuild()
}

// rebuild makes the view anew and returns it if it differs from the one before.
func (m *Membership) rebuild() *View {
	if m.set == nil || m.together {
		return nil
	}
	v := &View{Epoch: m.set.Epoch, Version: 1, Self: m.self, Set: m.set, Synced: m.synced, Accused: m.accused, Superseded: m.superseded()}
	for _, member := range m.set.Members {
		v.Members = append(v.Members, m.seen(member))
	}
	slices.SortFunc(v.Members, func(a, b MemberView) int { return cmp.Compare(a.ID, b.ID) })
	v.takeStock()
	old := m.view
	if old != nil {
		v.Version = old.Version + 1
		if old.Set == v.Set && old.Synced == v.Synced && old.Accused == v.Accused && slices.Equal(old.Members, v.Members) {
			return nil
		}
	}
	now, next := inRing(v.Members)
	v.Ring = m.table(now, nil)
	v.Next = m.table(next, v.Ring)
	m.view = v
	return v
}

// superseded reports whether the set knows of this process no more.
func (m *Membership) superseded() bool {
	self, ok := m.set.Member(m.self)
	return m.address != "" && (!ok || self.Address != m.address)
}

// seen is the member as this one sees it.
func (m *Membership) seen(member config.Member) MemberView {
	s := MemberView{Member: member, Leaving: member.State == config.Draining}
	if member.ID == m.self {
		s.Liveness, s.Incarnation, s.Synced = Up, m.incarnation, m.synced
		s.Leaving = s.Leaving || m.leaving
		return s
	}
	if p := m.peers[member.ID]; p != nil {
		s.Liveness, s.Incarnation, s.Link, s.Synced, s.CameBack = p.liveness, p.incarnation, p.link, p.synced, p.cameBack
		s.Ended = p.ended
		s.Leaving = s.Leaving || p.leaving
	}
	return s
}

// inRing chooses the members of the effective ring and of the one to come.
func inRing(members []MemberView) (now, next []ring.Member) {
	pick := func(want func(MemberView) bool) []ring.Member {
		var picked []ring.Member
		for _, m := range members {
			if m.Liveness == Up && !m.Leaving && want(m) {
				picked = append(picked, ring.Member{ID: m.ID, Zone: m.Zone, Node: m.Node})
			}
		}
		return picked
	}
	next = pick(func(MemberView) bool { return true })
	now = pick(func(m MemberView) bool { return m.State == config.Active && m.Synced })
	if len(now) == 0 {
		now = pick(func(m MemberView) bool { return m.State == config.Active })
	}
	if len(now) == 0 {
		now = next
	}
	return now, next
}

// table returns the ring of the members: made from the nearest of those at hand, of the view before and of this one, and
// the same as that where the members are.
func (m *Membership) table(members []ring.Member, ofThis *ring.Table) *ring.Table {
	r := m.set.Ring
	near := ofThis
	if v := m.view; v != nil && v.Set.Ring == r {
		for _, t := range []*ring.Table{v.Ring, v.Next} {
			if near == nil || t.Distance(members) < near.Distance(members) {
				near = t
			}
		}
	}
	if near == nil {
		return ring.Build(members, r.Partitions, r.Replicas)
	}
	return near.Derive(members)
}
