package membership

import (
	"cmp"
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// changes says what differs between the previous set and the result's.
func changes(last *config.MemberSet, nodes map[string]Node, previous map[uint32]config.Member, r *Result) []Change {
	before := cmp.Or(last, &config.MemberSet{Ring: r.Set.Ring})
	now := membersByID(r.Set)
	var out []Change
	for _, m := range before.Members {
		if !sameLife(m, now[m.ID]) {
			out = append(out, departed(m)...)
		}
	}
	for _, m := range r.Set.Members {
		old := previous[m.ID]
		if !sameLife(old, m) {
			old = config.Member{}
		}
		out = append(out, moved(old, m, nodes, r)...)
	}
	if !sameRing(before, r.Set) {
		out = append(out, Change{Kind: RingChanged})
	}
	return out
}

// sameLife says that both are the same pod, by all that a set tells.
func sameLife(a, b config.Member) bool { return a.Name == b.Name && a.Address == b.Address }

func departed(old config.Member) []Change {
	switch old.State {
	case config.Draining:
		return []Change{{Kind: Left, Member: old}}
	case config.Active:
		return []Change{{Kind: Lost, Member: old, Cause: Gone}}
	}
	return nil
}

func moved(old, now config.Member, nodes map[string]Node, r *Result) []Change {
	if old.State == now.State {
		return nil
	}
	switch now.State {
	case config.Active:
		return []Change{{Kind: Joined, Member: now}}
	case config.Draining:
		return []Change{{Kind: Draining, Member: now}}
	}
	if old.State != config.Active {
		return nil
	}
	c := Change{Kind: Lost, Member: now, Cause: NotReady}
	_, out := slices.BinarySearch(r.Evicted, now.Name)
	_, over := slices.BinarySearch(r.Ended, now.Name)
	switch {
	case nodes[now.Node].Deleted:
		c.Cause = NodeDeleted
	case nodes[now.Node].Lost:
		c.Cause = NodeLost
	case out && !over:
		c.Cause = Evicted
	}
	return []Change{c}
}

// sameRing says that both sets give the same ring.
func sameRing(a, b *config.MemberSet) bool {
	return a.Ring == b.Ring && slices.EqualFunc(inRing(a), inRing(b), func(x, y config.Member) bool {
		return x.ID == y.ID && x.Zone == y.Zone && x.Node == y.Node
	})
}

func inRing(s *config.MemberSet) []config.Member {
	return slices.DeleteFunc(slices.Clone(s.Members), func(m config.Member) bool { return m.State != config.Active })
}
