package membership

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// Next decides what follows from the input. It does not change the input.
func Next(in Input) Result {
	nodes, previous, said := nodesByName(in.Nodes), membersByID(in.Previous), latest(in.Reports)
	members := classify(in.Pods, nodes, previous, said)
	evicted := evict(members, said)
	hold(members)
	steer(members)

	set := &config.MemberSet{Advertise: in.Advertise, Second: in.Second, Listeners: in.Listeners, Ring: in.Ring, Members: []config.Member{}}
	result := Result{Set: set, Evicted: evicted, Ended: over(evicted, members, said), Held: held(members)}
	for _, c := range members {
		set.Members = append(set.Members, c.member())
		result.Endpoints = append(result.Endpoints, c.endpoint(evicted))
		if isActive(c) && (c.lost || !c.pod.Ready) {
			result.Kept = append(result.Kept, c.pod.Name)
		}
	}
	set.Epoch, result.Changed = epoch(in, set)
	result.Changes = changes(in.Previous, nodes, previous, &result)
	return result
}

// epoch is the set's, and whether it is a new one.
func epoch(in Input, set *config.MemberSet) (uint64, bool) {
	if p := in.Previous; p != nil && p.Epoch >= in.Floor && set.SameContent(p) {
		return p.Epoch, false
	}
	last := in.Floor
	if in.Previous != nil {
		last = max(last, in.Previous.Epoch)
	}
	return last + 1, true
}

// classify finds the members and their states before the others have their say,
// sorted by ID.
func classify(pods []Pod, nodes map[string]Node, previous map[uint32]config.Member, said map[string]Report) []*candidate {
	var found []*candidate
	for _, p := range pods {
		addr, err := netip.ParseAddr(p.Address)
		if err != nil || p.ID == 0 || p.Name == "" || p.gone() {
			continue
		}
		p.Address = addr.String()
		c := &candidate{pod: p, zone: zoneOf(p, nodes, previous), lost: nodes[p.Node].Lost || nodes[p.Node].Deleted, deleted: nodes[p.Node].Deleted}
		last := previous[p.ID]
		c.was = last.State == config.Active && sameLife(last, c.member())
		c.hear(said[p.Name])
		c.state = c.stateAlone()
		found = append(found, c)
	}
	return unique(found)
}

// zoneOf is the zone of the pod's node, or the one published before where the
// node is not known at the moment.
func zoneOf(p Pod, nodes map[string]Node, previous map[uint32]config.Member) string {
	if n, ok := nodes[p.Node]; ok {
		return n.Zone
	}
	if m := previous[p.ID]; m.Name == p.Name && m.Node == p.Node {
		return m.Zone
	}
	return ""
}

// unique sorts by ID and lets one pod have an ID, a name and an address. Of two
// with one address, as when an address is given out again before its last
// owner's end is recorded, the more alive one stays.
func unique(found []*candidate) []*candidate {
	slices.SortFunc(found, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.pod.ID, b.pod.ID),
			cmp.Compare(a.pod.Name, b.pod.Name), cmp.Compare(a.pod.UID, b.pod.UID), cmp.Compare(a.pod.Address, b.pod.Address))
	})
	ids, names, addresses := map[uint32]bool{}, map[string]bool{}, map[string]bool{}
	found = slices.DeleteFunc(found, func(c *candidate) bool {
		if ids[c.pod.ID] || names[c.pod.Name] || addresses[c.pod.Address] {
			return true
		}
		ids[c.pod.ID], names[c.pod.Name], addresses[c.pod.Address] = true, true, true
		return false
	})
	slices.SortFunc(found, func(a, b *candidate) int { return cmp.Compare(a.pod.ID, b.pod.ID) })
	return found
}

func rank(c *candidate) int {
	switch {
	case c.lost:
		return 4
	case isActive(c) && c.serves():
		return 0
	case isActive(c):
		return 1
	case c.state == config.Joining:
		return 2
	}
	return 3
}

func nodesByName(nodes []Node) map[string]Node {
	byName := make(map[string]Node, len(nodes))
	for _, n := range nodes {
		byName[n.Name] = n
	}
	return byName
}

func membersByID(s *config.MemberSet) map[uint32]config.Member {
	byID := map[uint32]config.Member{}
	if s != nil {
		for _, m := range s.Members {
			byID[m.ID] = m
		}
	}
	return byID
}
