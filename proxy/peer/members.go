package peer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// SetMembers takes a member set of this member's own source. An older epoch is
// ignored and counted, and so is the same epoch with other content. A newer one of
// the source wins over whatever peers have brought without a signature.
func (n *Node) SetMembers(set *config.MemberSet) {
	n.mu.Lock()
	defer n.mu.Unlock()
	above := n.overrule(set)
	if n.own == nil || set.Epoch > n.own.Epoch {
		n.own = set
	}
	n.setMembers(above)
}

// setMembers puts a set in force if it is newer; called with mu held.
func (n *Node) setMembers(set *config.MemberSet) {
	before := n.inForce()
	n.apply(n.membership.SetChanged(n.now(), set))
	for _, l := range n.severed {
		n.apply(n.lose(l, errMoved))
	}
	n.severed = n.severed[:0]
	if now := n.inForce(); now == set && now != before {
		n.log.Info("member set applied", "epoch", set.Epoch, "members", len(set.Members), "signed", len(set.Signatures) > 0)
	}
}

// errMoved: what was up is no longer listed, or listed at another address. Its
// link is gone, so nothing else would ever say that it is down.
var errMoved = errors.New("no longer listed at its address")

func (n *Node) epoch() uint64 {
	if v := n.view.Load(); v != nil {
		return v.Epoch
	}
	return 0
}

// hello is what this member says of itself now.
func (n *Node) hello() *hello {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.self
	if v := n.view.Load(); v != nil {
		h.Epoch, h.Ring = v.Epoch, &v.Set.Ring
	}
	h.Synced, h.Leaving = n.membership.SelfState()
	return &h
}

// apply makes a new view the one in force: every core has it before the next
// event. Called with mu held; nil changes nothing.
func (n *Node) apply(v *cluster.View) {
	if v == nil || n.closed {
		return
	}
	old := n.view.Swap(v)
	n.step(func(c *core, e *cluster.Effects) {
		c.version = v.Version
		c.m.ViewChanged(n.at(c), v, e)
	})
	if old == nil || old.Set != v.Set {
		n.relink(v.Set)
		n.events.add(Event{Kind: EventMembers, Epoch: v.Epoch, Count: len(v.Set.Members)})
	}
	n.noteRing(old, v)
	n.noteSelf(old, v)
	if now := unreached(v); n.cfg.Suspects != nil && (old == nil || !slices.Equal(unreached(old), now)) {
		n.cfg.Suspects(n.names(v, now))
	}
	n.tellState()
	n.signalProgress()
}

// relink keeps one link to each other member of the set, at its address.
func (n *Node) relink(set *config.MemberSet) {
	before := *n.links.Load()
	after := make(map[uint32]*link, len(set.Members))
	for _, m := range set.Members {
		if m.ID == n.cfg.ID {
			continue
		}
		if l := before[m.ID]; l != nil && l.keep(m) {
			after[m.ID] = l
			continue
		}
		after[m.ID] = n.newLink(m)
	}
	n.links.Store(&after)
	n.addresses.Store(addresses(set))
	for id, l := range before {
		if after[id] != l {
			l.stop()
			if l.up {
				n.severed = append(n.severed, l)
			}
		}
	}
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

func (n *Node) newLink(m config.Member) *link {
	ctx, stop := context.WithCancel(context.Background())
	l := &link{n: n, id: m.ID, member: m, stop: stop, arrived: make(chan struct{}, 1), nudge: make(chan struct{}, 1)}
	n.stopped.Go(func() { l.run(ctx) })
	return l
}

// noteRing tells of a new effective ring, of bindings re-homed by it, and how
// long it took since a peer was lost.
func (n *Node) noteRing(old, v *cluster.View) {
	var before, now []uint32
	if old != nil {
		before = memberIDs(old)
	}
	if now = memberIDs(v); old != nil && slices.Equal(before, now) {
		return
	}
	n.events.add(Event{
		Kind: EventRingChanged, Epoch: v.Epoch, Count: len(now),
		Detail: fmt.Sprintf("%d members: %s", len(now), strings.Join(n.names(v, now), ", ")),
	})
	n.log.Info("effective ring changed", "epoch", v.Epoch, "members", n.names(v, now))
	if moved := n.Stats().Rehomed - n.rehomed; moved > 0 {
		n.rehomed += moved
		n.events.add(Event{Kind: EventRehomed, Epoch: v.Epoch, Count: int(moved)})
	}
	for _, l := range n.lost {
		if !slices.Contains(now, l.id) {
			n.counters.failovers.Add(1)
			n.counters.lossToRing.observe(time.Since(l.brokenSince()))
		}
	}
	n.lost = n.lost[:0]
}

func memberIDs(v *cluster.View) []uint32 {
	members := v.Ring.Members()
	ids := make([]uint32, 0, len(members))
	for _, m := range members {
		ids = append(ids, m.ID)
	}
	return ids
}

func (n *Node) noteSelf(old, v *cluster.View) {
	if old != nil && old.Synced == v.Synced {
		return
	}
	kind := EventUnsynced
	if v.Synced {
		kind = EventSynced
	}
	n.events.add(Event{Kind: kind, Epoch: v.Epoch})
	n.log.Info(string(kind), "epoch", v.Epoch)
}

func (n *Node) names(v *cluster.View, ids []uint32) []string {
	names := make([]string, 0, len(ids))
	for _, id := range ids {
		if m, ok := v.Member(id); ok {
			names = append(names, m.Name)
		}
	}
	return names
}

// tellState tells every peer when this member's own state changed.
func (n *Node) tellState() {
	synced, leaving := n.membership.SelfState()
	now := selfState{synced, leaving}
	if now == n.told {
		return
	}
	n.told = now
	for id := range *n.links.Load() {
		_ = n.Send(id, kindState, now.encode()) // a new stream's hello says it too
	}
}

// Suspects are the names of the members that are down as this one sees it.
func (n *Node) Suspects() []string {
	v := n.View()
	if v == nil {
		return nil
	}
	return n.names(v, unreached(v))
}

// unreached are the IDs of the published members that are down, those that are
// joining among them, unlike View.Suspects: the operator publishes a member that
// it has evicted as joining and takes it back once nobody reports it any more.
func unreached(v *cluster.View) []uint32 {
	var ids []uint32
	for _, m := range v.Members {
		if m.Liveness == cluster.Down {
			ids = append(ids, m.ID)
		}
	}
	return ids
}
