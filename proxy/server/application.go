package server

import (
	"sync"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/application"
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/ring"
)

// maxApplications is at how many members' applications a request is tried, one after the
// other.
const maxApplications = 3

// applications chooses those that requests are for. It is nil where there are none.
type applications struct {
	*application.Local
	self    uint32
	reject  bool // who is not the owner's does not take the call
	placing sync.Mutex
	placed  atomic.Pointer[appPlacement]
	absent  absences
	// renewals numbers those of pins.
	renewals atomic.Uint32
}

// appPlacement is which member's application has which addresses-of-record: a second ring,
// of those that take calls. It moves no binding. Immutable.
type appPlacement struct {
	view    *cluster.View
	version uint64
	ring    *ring.Table // nil: nobody's
}

func newApplications(c *Config) *applications {
	if c.Proxy.LocalApp == nil || c.Application == nil {
		return nil
	}
	return &applications{Local: c.Application, self: c.Self, reject: c.Proxy.LocalApp.Unavailable == config.UnavailableReject}
}

// choose appends the members at whose applications an address-of-record is tried, in
// order: the one that its calls are pinned to, if that takes any (0: to none), then the
// owners by the ring. None: nobody takes the call.
func (a *applications) choose(dst []uint32, view *cluster.View, aor []byte, pinned uint32) []uint32 {
	if view == nil || view.Set == nil {
		return dst
	}
	if pinned != 0 && a.takes(view, pinned) {
		dst = append(dst, pinned)
	}
	placed := a.place(view)
	if placed.ring == nil {
		return dst
	}
	hash := view.Set.Ring.Seed.Hash(aor)
	for _, id := range placed.ring.Owners(ring.Partition(hash, placed.ring.Partitions())) {
		switch {
		case len(dst) > 0 && id == dst[0]:
			continue
		case a.reject && (len(dst) > 0 || !a.takes(view, id)):
			return dst
		}
		if dst = append(dst, id); len(dst) == maxApplications {
			break
		}
	}
	return dst
}

// takes reports whether a member's application takes new calls.
func (a *applications) takes(view *cluster.View, id uint32) bool {
	m, ok := view.Member(id)
	return ok && a.mayTake(&m)
}

func (a *applications) mayTake(m *cluster.MemberView) bool {
	return m.Liveness == cluster.Up && !m.Leaving && a.Table.Serves(m.ID)
}

// place is the placement of now.
func (a *applications) place(view *cluster.View) *appPlacement {
	version := a.Table.Version()
	if p := a.placed.Load(); p != nil && p.view == view && p.version == version {
		return p
	}
	a.placing.Lock()
	defer a.placing.Unlock()
	before := a.placed.Load()
	if before != nil && before.view == view && before.version == version { // another was here first
		return before
	}
	p := &appPlacement{view: view, version: version}
	var members []ring.Member // without zones: the next owner is the home of the ring without the first
	for i := range view.Members {
		if m := &view.Members[i]; a.mayTake(m) || a.reject && m.Liveness == cluster.Up && !m.Leaving {
			members = append(members, ring.Member{ID: m.ID})
		}
	}
	switch {
	case len(members) == 0:
	case before == nil || before.ring == nil || before.ring.Partitions() != partitionsOf(view):
		p.ring = ring.Build(members, partitionsOf(view), maxApplications)
	default:
		p.ring = before.ring.Derive(members)
	}
	a.placed.Store(p)
	return p
}

// partitionsOf is as many as bindings have.
func partitionsOf(view *cluster.View) int {
	if n := view.Set.Ring.Partitions; n > 0 {
		return n
	}
	return ring.DefaultPartitions
}

// appLost reports whether the calls at a member's application are: it is known to be down,
// or the member is not there.
func (s *Server) appLost(member uint32) bool {
	v := s.cluster.View()
	return v != nil && !v.Up(member) || s.apps != nil && s.apps.Table.State(member) == application.Down
}
