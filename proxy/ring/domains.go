package ring

// domains are the ways in which owners of a partition can be kept apart, the
// farthest first: by zone, by node, and at the least as members.
type domains [3]domain

// domain groups members that fail together.
type domain struct {
	of     []uint32 // group of members[i]
	groups int
	taken  []int // the last partition that has an owner in the group, plus one
}

// domainsOf groups the members. What is unknown is shared with nobody: a member
// without a zone is in that of its node, one without a node is alone.
func domainsOf(members []Member) domains {
	return domains{
		groupBy(members, func(m Member) Member {
			if m.Zone != "" {
				return Member{Zone: m.Zone}
			}
			return Member{Node: m.Node}
		}),
		groupBy(members, func(m Member) Member { return Member{Node: m.Node} }),
		groupBy(members, func(Member) Member { return Member{} }),
	}
}

// groupBy puts members of the same key into a group; those of the zero key are
// each one of their own.
func groupBy(members []Member, key func(Member) Member) domain {
	d := domain{of: make([]uint32, len(members))}
	known := map[Member]int{}
	for i, m := range members {
		k := key(m)
		g, ok := known[k]
		if !ok || k == (Member{}) {
			g = d.groups
			d.groups++
			known[k] = g
		}
		d.of[i] = uint32(g)
	}
	d.taken = make([]int, d.groups)
	return d
}

// matter reports whether keeping owners apart can change anything: not where
// every zone has one member, nor where there is one zone and every node, or the
// only one, has one.
func (d domains) matter() bool {
	zones, nodes, members := d[0].groups, d[1].groups, d[2].groups
	return zones < members && (zones > 1 || nodes > 1 && nodes < members)
}

// next returns the member with the highest score of those farthest from the
// owners that it has returned for the partition before. There must be one left.
func (d domains) next(p int, scores []uint64) int {
	for k := range d {
		best := -1
		for i, s := range scores {
			if (best < 0 || s > scores[best]) && d[k].taken[d[k].of[i]] != p+1 {
				best = i
			}
		}
		if best < 0 {
			continue
		}
		for j := range d {
			d[j].taken[d[j].of[best]] = p + 1
		}
		return best
	}
	return -1
}

// choose marks as owners those of a few candidates, by falling score, that next
// would return one after the other.
func (d domains) choose(candidates []candidate, seats int) {
	for k := range d {
		of := d[k].of
		for i := range candidates {
			c := &candidates[i]
			if seats == 0 {
				return
			}
			if !c.owner && !taken(of, candidates, of[c.who]) {
				c.owner = true
				seats--
			}
		}
	}
}

func taken(of []uint32, candidates []candidate, group uint32) bool {
	for _, c := range candidates {
		if c.owner && of[c.who] == group {
			return true
		}
	}
	return false
}
