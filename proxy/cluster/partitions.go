package cluster

import (
	"slices"

	"github.com/sipring/sipring/proxy/location"
)

// partitions are the partitions of a core, by partition / Cores.
type partitions struct {
	*self
	announcements *announcements
	peers         *peers

	parts   []partition
	counts  [4]int // by holding
	demoted int
	dropped int64 // when one with records was dropped last
}

// init makes them, as many as the view has.
func (t *partitions) init() {
	n := max(0, (t.view.Ring.Partitions()-t.cfg.Index+t.cfg.Cores-1)/t.cfg.Cores)
	t.parts = make([]partition, n)
	t.counts[none] = n
}

// at returns the partition of the number here.
func (t *partitions) at(local int32) *partition { return &t.parts[local] }

// len is how many there are, 0 before the first view.
func (t *partitions) len() int { return len(t.parts) }

// count is how many are so.
func (t *partitions) count(h holding) int { return t.counts[h] }

// local returns the number here of a partition a message names, and false if it is not of this core.
func (t *partitions) local(p uint32) (int32, bool) {
	cores := uint32(t.cfg.Cores)
	local := p / cores
	return int32(local), p%cores == uint32(t.cfg.Index) && int(local) < len(t.parts)
}

// place returns the hash of an AOR and its partition here, and false if there is no view or it is another core's.
func (t *partitions) place(aor []byte) (hash uint64, local int32, ok bool) {
	if t.view == nil {
		return 0, 0, false
	}
	hash, p := t.view.Place(aor)
	local, ok = t.local(uint32(p))
	return hash, local, ok
}

// serves reports whether reads may be answered and updates ordered here.
func (t *partitions) serves(local int32) bool {
	return t.parts[local].holding.serves() && t.announcements.sure()
}

// owned reports whether this member owns the partition, or will when the members that join are in.
func (t *partitions) owned(local int32) bool {
	n := t.global(local)
	return t.view.Ring.IsOwner(n, t.cfg.Self) || t.view.Next.IsOwner(n, t.cfg.Self)
}

// holdingAt is partition.holdingOf for any member, this one included.
func (t *partitions) holdingAt(local int32, id uint32) holding {
	if id == t.cfg.Self {
		return t.parts[local].holding
	}
	return t.parts[local].holdingOf(id)
}

// choose returns the member to read from or to order an update: the first owner that holds the partition, else any
// member that does; 0 if there is none.
func (t *partitions) choose(local int32, not [2]uint32) uint32 {
	usable := func(id uint32) bool {
		return id != not[0] && id != not[1] && t.holdingAt(local, id).serves() && (id != t.cfg.Self || t.announcements.sure())
	}
	for _, id := range t.view.Ring.Owners(t.global(local)) {
		if usable(id) {
			return id
		}
	}
	for _, h := range t.parts[local].holders {
		if usable(h.id) {
			return h.id
		}
	}
	if usable(t.cfg.Self) {
		return t.cfg.Self
	}
	return 0
}

// isTarget reports whether the member is one of targets, or would be if it were up.
func (t *partitions) isTarget(local int32, id uint32) bool {
	n := t.global(local)
	return t.view.Ring.IsOwner(n, id) || t.view.Next.IsOwner(n, id) || t.parts[local].holdingOf(id) != none
}

// targets appends to dst the other members that every update of the partition goes to: its owners, those to come, and
// whoever has announced that it holds it or is about to.
func (t *partitions) targets(dst []uint32, local int32) []uint32 {
	n := t.global(local)
	add := func(id uint32) {
		if id != t.cfg.Self && !slices.Contains(dst, id) && t.peers.find(id) != nil {
			dst = append(dst, id)
		}
	}
	for _, id := range t.view.Ring.Owners(n) {
		add(id)
	}
	if t.view.Next != t.view.Ring {
		for _, id := range t.view.Next.Owners(n) {
			add(id)
		}
	}
	for _, h := range t.parts[local].holders {
		add(h.id)
	}
	return dst
}

// forgetHolder takes the member off the holders of every partition.
func (t *partitions) forgetHolder(id uint32) {
	for i := range t.parts {
		t.parts[i].forgetHolder(id)
	}
}

// standAlone marks what is held as concluded alone.
func (t *partitions) standAlone() {
	for i := range t.parts {
		p := &t.parts[i]
		p.alone = p.alone || p.holding.serves()
	}
}

// leaveNoDoubt takes what was concluded alone for what there is.
func (t *partitions) leaveNoDoubt() {
	for i := range t.parts {
		t.parts[i].alone = false
	}
}

// merge merges a record that came from another member, and was sent to others. reordered: it, or what was here, put a
// request last that came late, and no more does.
func (t *partitions) merge(local int32, hash uint64, record location.Record, from uint32, sentTo []byte) (changed, reordered bool) {
	t.learn(record.MaxCounter())
	t.stored = true
	p := &t.parts[local]
	if p.holding == none {
		p.strayAt = t.now
	}
	before := t.store.Get(int(local), record.AOR())
	if p.coverage.matters() && record.News(before) {
		p.coverage.wrote(from, sentTo)
	}
	again := location.Reordered(before, record)
	changed = t.store.Merge(int(local), hash, record)
	if !again.IsZero() {
		t.stats.OrderedAgain++
		t.store.Merge(int(local), hash, again)
		p.coverage.wrote(t.cfg.Self, nil)
	}
	return changed, !again.IsZero()
}

// rehomed counts the bindings this member became home of because their home is gone.
func (t *partitions) rehomed(old *View) (bindings int) {
	if old.Ring == t.view.Ring {
		return 0
	}
	for i := range t.parts {
		n := t.global(int32(i))
		before, _ := old.Ring.Home(n)
		if home, _ := t.view.Ring.Home(n); home == t.cfg.Self && before != home && before != 0 && !t.view.Up(before) {
			bindings += t.store.PartitionStats(i).Bindings
		}
	}
	return bindings
}

// meanBindings is how many bindings a partition has that is served here, on average.
func (t *partitions) meanBindings() float64 {
	bindings, served := 0, t.counts[held]+t.counts[leaving]
	for i := range t.parts {
		if t.parts[i].holding.serves() {
			bindings += t.store.PartitionStats(i).Bindings
		}
	}
	return float64(bindings) / float64(max(1, served))
}

// addTo adds what is held to the counts.
func (t *partitions) addTo(s *Stats) {
	s.Partitions = t.counts[held] + t.counts[leaving]
	copies := t.view.Copies()
	for i := range t.parts {
		if home, ok := t.view.Ring.Home(t.global(int32(i))); ok && home == t.cfg.Self {
			part := t.store.PartitionStats(i)
			s.HomeRecords += part.Records
			s.HomeBindings += part.Bindings
			if t.parts[i].copies() < copies {
				s.UnderReplicated += part.Bindings
			}
		}
	}
}

// progress says how many are how far.
func (t *partitions) progress() Progress {
	return Progress{
		Version: t.view.Version, Filling: t.counts[filling], Held: t.counts[held], Leaving: t.counts[leaving],
		Demoted: t.demoted > 0,
	}
}
