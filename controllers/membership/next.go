package membership

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// candidate is a pod that may be a member, and the state it has so far.
type candidate struct {
	pod   Pod
	zone  string
	state config.MemberState
	// lost: its node is.
	lost bool
}

// Next decides what follows from the input. It does not change the input.
func Next(in Input) Result {
	nodes, previous := nodesByName(in.Nodes), membersByID(in.Previous)
	members := classify(in.Pods, nodes, previous)
	evicted := evict(members, in.Reports)
	held := hold(members, previous)

	set := &config.MemberSet{Advertise: in.Advertise, Ring: in.Ring, Members: []config.Member{}}
	result := Result{Set: set, Evicted: evicted, Held: held}
	for _, c := range members {
		set.Members = append(set.Members, c.member())
		result.Endpoints = append(result.Endpoints, c.endpoint(evicted))
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

// classify finds the members and their states by each pod alone, sorted by ID.
func classify(pods []Pod, nodes map[string]Node, previous map[uint32]config.Member) []*candidate {
	var found []*candidate
	for _, p := range pods {
		lost := nodes[p.Node].Lost
		state, ok := stateOf(p, lost)
		if !ok {
			continue
		}
		addr, err := netip.ParseAddr(p.Address)
		if err != nil || p.ID == 0 || p.Name == "" {
			continue
		}
		p.Address = addr.String()
		found = append(found, &candidate{pod: p, zone: zoneOf(p, nodes, previous), state: state, lost: lost})
	}
	return unique(found)
}

func stateOf(p Pod, nodeLost bool) (config.MemberState, bool) {
	switch {
	case p.Address == "" || p.Finished:
		return "", false
	case p.Deleting && !p.Running:
		return "", false
	case nodeLost:
		return config.Joining, true
	case p.Deleting:
		return config.Draining, true
	case p.Ready:
		return config.Active, true
	}
	return config.Joining, true
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
	if c.lost {
		return 3
	}
	return slices.Index([]config.MemberState{config.Active, config.Joining, config.Draining}, c.state)
}

// hold keeps the last active members where nobody is active any more: those
// whose processes run, failing that those whose nodes are there, failing that
// whoever still has an address. One that is kept though it is gone would have
// the others wait for what it may hold.
func hold(members []*candidate, previous map[uint32]config.Member) bool {
	if slices.ContainsFunc(members, isActive) {
		return false
	}
	for _, likely := range []func(*candidate) bool{
		func(c *candidate) bool { return !c.lost && c.pod.Running },
		func(c *candidate) bool { return !c.lost },
		func(*candidate) bool { return true },
	} {
		held := false
		for _, c := range members {
			m := previous[c.pod.ID]
			if likely(c) && c.state == config.Joining && m.State == config.Active && sameLife(m, c.member()) {
				c.state, held = config.Active, true
			}
		}
		if held {
			return true
		}
	}
	return false
}

func isActive(c *candidate) bool { return c.state == config.Active }

func (c *candidate) member() config.Member {
	return config.Member{ID: c.pod.ID, Name: c.pod.Name, Address: c.pod.Address, Node: c.pod.Node, Zone: c.zone, State: c.state}
}

func (c *candidate) endpoint(evicted []string) Endpoint {
	_, out := slices.BinarySearch(evicted, c.pod.Name)
	e := Endpoint{
		ID: c.pod.ID, Name: c.pod.Name, UID: c.pod.UID, Address: c.pod.Address, Port: c.pod.Port,
		Node: c.pod.Node, Zone: c.zone, Terminating: c.pod.Deleting,
	}
	e.Ready = c.state == config.Active
	e.Serving = e.Ready || c.state == config.Draining && c.pod.Ready && !out
	return e
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
