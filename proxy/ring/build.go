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
	if apart := domainsOf(t.members); apart.matter() {
		t.placeApart(apart)
	} else {
		t.placeByScore()
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

// placeByScore gives each partition to the members with the highest scores.
func (t *Table) placeByScore() {
	seeds := seedsOf(t.members)
	best := newPodium(t.seats)
	for p := range t.partitions {
		ps := partitionSeed(p)
		best.clear()
		for i, seed := range seeds[:t.seats] {
			best.enter(score(ps, seed), uint32(i))
		}
		for i, seed := range seeds[t.seats:] {
			if s := score(ps, seed); s > best.bar {
				best.enter(s, uint32(t.seats+i))
			}
		}
		t.seat(p, best)
	}
}

// placeApart gives each partition to the best member, then to the best of those
// that are farthest from the owners so far: in another zone, else on another
// node, else anywhere.
func (t *Table) placeApart(apart domains) {
	seeds := seedsOf(t.members)
	scores := make([]uint64, len(seeds))
	best := newPodium(t.seats)
	for p := range t.partitions {
		ps := partitionSeed(p)
		for i, seed := range seeds {
			scores[i] = score(ps, seed)
		}
		best.clear()
		for range t.seats {
			i := apart.next(p, scores)
			best.offer(scores[i], uint32(i))
		}
		t.seat(p, best)
	}
}

// seat writes the members on the podium down as the owners of partition p.
func (t *Table) seat(p int, best *podium) {
	row := t.Owners(p)
	for seat := range row {
		row[seat] = t.members[best.who[seat]].ID
	}
	t.homed[best.who[0]]++
}

func seedsOf(members []Member) []uint64 {
	seeds := make([]uint64, len(members))
	for i, m := range members {
		seeds[i] = memberSeed(m.ID)
	}
	return seeds
}
