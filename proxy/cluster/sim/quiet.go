package sim

import (
	"fmt"
	"slices"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// observer sees all members at once.
type observer struct{ w *world }

// quiet reports whether the world has come to rest: one view, everything held where it should be and nowhere else. why
// says what is missing.
func (ob *observer) quiet() (ok bool, why string) {
	w := ob.w
	o := &w.operator
	if w.now < o.backAt {
		return false, "the operator is away"
	}
	ring, living := ob.ring(), w.living()
	for i, p := range living {
		for _, q := range living[:i] {
			if l := w.network.link(p.id, q.id); !l.stands || l.up != [2]bool{true, true} || l.deaf != [2]bool{} {
				return false, fmt.Sprintf("m%d and m%d have not met", q.id, p.id)
			}
		}
		v := p.membership.View()
		switch synced, _ := p.membership.SelfState(); {
		case v == nil || v.Epoch != o.epoch:
			return false, fmt.Sprintf("m%d has not got epoch %d", p.id, o.epoch)
		case !synced:
			return false, fmt.Sprintf("m%d is not synced", p.id)
		case !sameIDs(v.Ring, ring):
			return false, fmt.Sprintf("m%d has ring %v, not %v", p.id, ids(v.Ring), ring)
		case !sameIDs(v.Next, ring):
			return false, fmt.Sprintf("m%d has next ring %v, not %v", p.id, ids(v.Next), ring)
		}
		for _, c := range p.cores {
			if g := c.Progress(); g.Filling > 0 || g.Leaving > 0 || g.Version != v.Version {
				return false, fmt.Sprintf("m%d is filling %d and leaving %d", p.id, g.Filling, g.Leaving)
			}
		}
	}
	for i := range o.members {
		if m := &o.members[i]; w.operator.wanted(m) != m.State {
			return false, fmt.Sprintf("m%d is still published as %s", m.ID, m.State)
		}
	}
	return true, ""
}

// ring is the members that should be in everyone's ring at rest.
func (ob *observer) ring() []uint32 {
	w := ob.w
	var all []uint32
	for _, p := range w.living() {
		if m := w.operator.published(p.id); m != nil && m.State == config.Active && !p.leaving() {
			all = append(all, p.id)
		}
	}
	return all
}

// checkAgreement compares the owners of every partition.
func (ob *observer) checkAgreement() (why string) {
	w := ob.w
	living := w.living()
	if len(living) == 0 {
		return "nobody lives"
	}
	for n := range w.partitions {
		var first *process
		var sum uint64
		var count int
		owners := living[0].membership.View().Ring.Owners(n)
		for _, p := range living {
			state, s, bindings := p.cores[n%w.cores].Holding(n)
			if owned := slices.Contains(owners, p.id); owned != (state == "held") {
				return fmt.Sprintf("partition %d with owners %v is %s at m%d", n, owners, state, p.id)
			}
			if state != "held" {
				continue
			}
			if first != nil && (s != sum || bindings != count) {
				return fmt.Sprintf("partition %d has %d bindings at m%d and %d at m%d, or other versions", n, count, first.id, bindings, p.id)
			}
			first, sum, count = p, s, bindings
		}
	}
	return ""
}

// unready says why the members could not bear another failure yet, empty if they could: all that live are synced, have met
// each other, hold what they own, and know so of each other. What is published does not matter.
func (ob *observer) unready() string {
	w := ob.w
	living := w.living()
	for _, p := range living {
		v := p.membership.View()
		switch synced, _ := p.membership.SelfState(); {
		case v == nil:
			return fmt.Sprintf("m%d has no set", p.id)
		case !synced || p.paused || p.apart || p.lag > 0:
			return fmt.Sprintf("m%d is not synced", p.id)
		}
		for _, m := range v.Members {
			if why := ob.unsettled(p, m); why != "" {
				return fmt.Sprintf("m%d: m%d %s", p.id, m.ID, why)
			}
		}
		for _, q := range living {
			if q != p && !v.Up(q.id) {
				return fmt.Sprintf("m%d has not met m%d", p.id, q.id)
			}
		}
		for _, c := range p.cores {
			if g := c.Progress(); g.Filling > 0 || g.Version != v.Version {
				return fmt.Sprintf("m%d is filling", p.id)
			}
		}
	}
	return ""
}

// unsettled says what p has yet to learn of a member, empty if nothing.
func (ob *observer) unsettled(p *process, m cluster.MemberView) string {
	w := ob.w
	switch {
	case m.Liveness != cluster.Up || m.ID == p.id:
	case w.running(m.ID) == nil:
		return "is not known to be dead"
	case !w.network.link(p.id, m.ID).stands:
		return "has no stream"
	case !m.Synced:
		return "is not known to be synced"
	}
	return ""
}
