package ring

import (
	"cmp"
	"slices"
)

// Build places partitions on members, each with the given number of replicas.
//
// Any order of members gives the same table. A member with ID 0 is ignored.
// Entries with the same ID count as one; if their zones or nodes differ the
// lexically greatest holds, so a known one wins over an unknown one. With no
// members the table has partitions but no owners.
//
// A number of partitions or replicas below 1 means the default; one above
// [MaxPartitions] or [MaxReplicas] means that bound.
func Build(members []Member, partitions, replicas int) *Table {
	t := &Table{
		partitions: bounded(partitions, DefaultPartitions, MaxPartitions),
		replicas:   bounded(replicas, DefaultReplicas, MaxReplicas),
		members:    normalize(members),
	}
	t.seats = min(t.replicas, len(t.members))
	t.homed = make([]uint32, len(t.members))
	t.owners = make([]uint32, t.partitions*t.seats)
	if t.seats == 0 {
		return t
	}
	place := newPlacement(t)
	for p := range t.partitions {
		place.place(p)
		t.homed[place.best.who[0]]++
	}
	return t
}

func bounded(n, byDefault, most int) int {
	if n < 1 {
		return byDefault
	}
	return min(n, most)
}

// normalize returns a sorted copy of members without duplicates and zero IDs.
func normalize(members []Member) []Member {
	sorted := slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return m.ID == 0 })
	slices.SortFunc(sorted, func(a, b Member) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(b.Zone, a.Zone), cmp.Compare(b.Node, a.Node))
	})
	return slices.CompactFunc(sorted, func(a, b Member) bool { return a.ID == b.ID })
}

// placement chooses owners from all members of a table.
type placement struct {
	t      *Table
	seeds  []uint64 // of the members
	apart  domains
	spread bool // apart can change anything
	scores []uint64
	best   *podium
}

func newPlacement(t *Table) *placement {
	l := &placement{t: t, apart: domainsOf(t.members), best: newPodium(t.seats)}
	l.seeds, l.scores = make([]uint64, len(t.members)), make([]uint64, len(t.members))
	for i, m := range t.members {
		l.seeds[i] = memberSeed(m.ID)
	}
	l.spread = l.apart.matter()
	return l
}

// place chooses the owners of partition p and writes them down.
func (l *placement) place(p int) {
	l.best.clear()
	if l.spread {
		l.placeApart(p)
	} else {
		l.placeByScore(p)
	}
	row := l.t.Owners(p)
	for seat := range row {
		row[seat] = l.t.members[l.best.who[seat]].ID
	}
}

// placeByScore chooses the members with the highest scores.
func (l *placement) placeByScore(p int) {
	ps, seats, best := partitionSeed(p), l.t.seats, l.best
	for i, seed := range l.seeds[:seats] {
		best.enter(score(ps, seed), uint32(i))
	}
	for i, seed := range l.seeds[seats:] {
		if s := score(ps, seed); s > best.bar {
			best.enter(s, uint32(seats+i))
		}
	}
}

// placeApart chooses the best member, then the best of those that are farthest
// from the owners so far: in another zone, else on another node, else anywhere.
func (l *placement) placeApart(p int) {
	ps := partitionSeed(p)
	for i, seed := range l.seeds {
		l.scores[i] = score(ps, seed)
	}
	for range l.t.seats {
		i := l.apart.next(p, l.scores)
		l.best.offer(l.scores[i], uint32(i))
	}
}
