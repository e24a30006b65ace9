package ring

import "slices"

// Derive returns the table of the members with the partitions and replicas of
// t: the one that Build returns for them, whatever t was made of. It costs in
// proportion to what changes: each partition is compared with the members that
// come, and placed anew only if a member that goes owned it. The same members
// give t itself.
//
// It rests on two of the package's invariants. Who owned nothing of a partition
// changes nothing there by going; and the owners after some came are among those
// before and who came. So the rule need not look at anybody else.
func (t *Table) Derive(members []Member) *Table {
	members = normalize(members)
	gone, come := difference(t.members, members)
	switch {
	case len(gone)+len(come) == 0 && t.partitions > 0:
		return t
	case !t.derives(members, len(gone), len(come)):
		return Build(members, t.partitions, t.replicas)
	}
	after := &Table{
		partitions: t.partitions, replicas: t.replicas, seats: t.seats, members: members,
		homed: t.homedOf(members), owners: slices.Clone(t.owners),
	}
	d := newDerivation(after, gone, come)
	for p := range after.partitions {
		d.step(p)
	}
	return after
}

// derives reports whether Derive is right and worth it: every partition keeps
// its number of owners, nodes lie within zones, which the
// invariants presuppose, and the better part of the members stays.
func (t *Table) derives(members []Member, gone, come int) bool {
	seats := min(t.replicas, len(members))
	return t.seats > 0 && t.seats == seats && 2*(gone+come) <= len(members) &&
		nested(t.members) && nested(members)
}

// nested reports whether no node is in two zones.
func nested(members []Member) bool {
	zones := make(map[string]string, len(members))
	for _, m := range members {
		if m.Node == "" {
			continue
		}
		if zone, known := zones[m.Node]; known && zone != m.Zone {
			return false
		}
		zones[m.Node] = m.Zone
	}
	return true
}

// difference compares two lists of members by rising ID. One that moved to
// another zone or node goes and comes.
func difference(before, after []Member) (gone, come []Member) {
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && before[0].ID < after[0].ID:
			gone, before = append(gone, before[0]), before[1:]
		case len(before) == 0 || after[0].ID < before[0].ID:
			come, after = append(come, after[0]), after[1:]
		default:
			if before[0] != after[0] {
				gone, come = append(gone, before[0]), append(come, after[0])
			}
			before, after = before[1:], after[1:]
		}
	}
	return gone, come
}

// Distance returns how many members differ between the table's and others, which
// are given by rising ID: what Derive has to do.
func (t *Table) Distance(members []Member) int {
	gone, come := difference(t.members, members)
	return len(gone) + len(come)
}

// homedOf carries the counts of homes over to other members.
func (t *Table) homedOf(members []Member) []uint32 {
	homed := make([]uint32, len(members))
	for i, m := range members {
		if j, ok := slices.BinarySearchFunc(t.members, m.ID, byID); ok {
			homed[i] = t.homed[j]
		}
	}
	return homed
}

// derivation turns the owners of an earlier table into those of the table.
type derivation struct {
	*placement
	gone []uint32 // IDs
	come []uint32 // indices of members
	// barred: every owner has a zone of its own, or domains do not matter, so that who
	// comes must exceed the lowest.
	barred     bool
	candidates []candidate
}

// candidate is a member that may own a partition.
type candidate struct {
	score uint64
	who   uint32 // index of the member
	owner bool
}

func newDerivation(after *Table, gone, come []Member) *derivation {
	d := &derivation{placement: newPlacement(after)}
	for _, m := range gone {
		d.gone = append(d.gone, m.ID)
	}
	for _, m := range come {
		i, _ := slices.BinarySearchFunc(after.members, m.ID, byID)
		d.come = append(d.come, uint32(i))
	}
	d.barred = !d.spread || d.apart[0].groups-len(come) >= after.seats
	return d
}

// step gives partition p to who owns it now.
func (d *derivation) step(p int) {
	row := d.t.Owners(p)
	home := row[0]
	switch {
	case d.bereft(row):
		d.place(p)
	case d.challenged(p, row):
		d.rank(p, row)
		for seat, c := range d.candidates {
			row[seat] = d.t.members[c.who].ID
		}
	default:
		return
	}
	if row[0] != home {
		d.count(home, -1)
		d.count(row[0], 1)
	}
}

// bereft reports whether an owner goes.
func (d *derivation) bereft(row []uint32) bool {
	for _, id := range d.gone {
		if slices.Contains(row, id) {
			return true
		}
	}
	return false
}

// challenged collects who comes and may own the partition.
func (d *derivation) challenged(p int, row []uint32) bool {
	if len(d.come) == 0 {
		return false
	}
	d.candidates = d.candidates[:0]
	ps := partitionSeed(p)
	bar := score(ps, memberSeed(row[len(row)-1]))
	for _, i := range d.come {
		if s := score(ps, d.seeds[i]); s > bar || !d.barred {
			d.candidates = append(d.candidates, candidate{score: s, who: i})
		}
	}
	return len(d.candidates) > 0
}

// rank leaves of the owners and the candidates those that own the partition.
func (d *derivation) rank(p int, row []uint32) {
	ps := partitionSeed(p)
	for _, id := range row {
		i, _ := slices.BinarySearchFunc(d.t.members, id, byID)
		d.candidates = append(d.candidates, candidate{score: score(ps, d.seeds[i]), who: uint32(i)})
	}
	slices.SortFunc(d.candidates, func(a, b candidate) int {
		if a.score > b.score {
			return -1
		}
		return 1
	})
	if !d.spread {
		d.candidates = d.candidates[:len(row)]
		return
	}
	d.apart.choose(d.candidates, len(row))
	d.candidates = slices.DeleteFunc(d.candidates, func(c candidate) bool { return !c.owner })
}

func (d *derivation) count(id uint32, by int) {
	if i, ok := slices.BinarySearchFunc(d.t.members, id, byID); ok {
		d.t.homed[i] = uint32(int(d.t.homed[i]) + by)
	}
}
