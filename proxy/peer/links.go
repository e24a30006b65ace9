package peer

import (
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/sipring/sipring/proxy/config"
)

// links is the table of the links to all other members of the set. Its maps are
// replaced and never changed, so a look into it takes no lock; relink, which
// replaces them, is called with membership.mu held.
type links struct {
	self      uint32
	table     atomic.Pointer[map[uint32]*link]
	addresses atomic.Pointer[map[netip.Addr]struct{}] // of all members of the set
	metrics   *metrics
	unproving atomic.Int32 // streams to members that know nothing of proofs
}

func newLinks(self uint32, metrics *metrics) *links {
	t := &links{self: self, metrics: metrics}
	t.table.Store(&map[uint32]*link{})
	t.addresses.Store(&map[netip.Addr]struct{}{})
	return t
}

// all links by member, not to be changed.
func (t *links) all() map[uint32]*link { return *t.table.Load() }

// to is the link to the member, nil if it is not in the set.
func (t *links) to(id uint32) *link { return t.all()[id] }

// streamTo is the stream to the member, nil if there is none.
func (t *links) streamTo(id uint32) *stream {
	if l := t.to(id); l != nil {
		return l.stream()
	}
	return nil
}

// send is Node.Send.
func (t *links) send(to uint32, kind uint8, payload []byte) error {
	s := t.streamTo(to)
	if s == nil {
		return ErrNoStream
	}
	err := s.append(kind, payload)
	if errors.Is(err, ErrQueueFull) {
		t.metrics.queueFull.Inc()
	}
	return err
}

// beat is the interval of pings to each of the others.
func (t *links) beat() time.Duration { return beatFor(len(t.all())) }

// listed tells whether a member of the set has the address.
func (t *links) listed(a netip.Addr) bool {
	_, ok := (*t.addresses.Load())[a]
	return ok
}

// distrust ends the streams of peers whose keys are no longer in force.
func (t *links) distrust() {
	for _, l := range t.all() {
		l.distrust()
	}
}

// relink keeps one link to each other member of the set, at its address, opens
// those that are missing and stops those that lead nowhere any more, which it
// returns.
func (t *links) relink(set *config.MemberSet, open func(config.Member) *link) (stopped []*link) {
	before := t.all()
	after := make(map[uint32]*link, len(set.Members))
	for _, m := range set.Members {
		if m.ID == t.self {
			continue
		}
		if l := before[m.ID]; l != nil && l.keep(m) {
			after[m.ID] = l
			continue
		}
		after[m.ID] = open(m)
	}
	t.table.Store(&after)
	t.addresses.Store(addresses(set))
	for id, l := range before {
		if after[id] != l {
			l.stop()
			stopped = append(stopped, l)
		}
	}
	return stopped
}

func addresses(set *config.MemberSet) *map[netip.Addr]struct{} {
	out := make(map[netip.Addr]struct{}, len(set.Members))
	for _, m := range set.Members {
		if a, err := netip.ParseAddr(m.Address); err == nil {
			out[a.Unmap()] = struct{}{}
		}
	}
	return &out
}
