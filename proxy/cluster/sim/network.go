package sim

import (
	"slices"

	"github.com/sipring/sipring/proxy/ring"
)

// link is the stream between two members, if there is one. What is sent on a stream arrives in order or not at all.
type link struct {
	ends   [2]*process
	life   int     // of the stream: what was sent in an earlier life is lost
	up     [2]bool // this end has met the other
	deaf   [2]bool // what is sent to this end is lost
	last   [2]int64
	slow   int64 // added to every delay, µs
	jam    int64 // the same, for a time
	cut    bool
	stands bool

	heldUntil int64 // before this it does not stand again, µs
	knocked   int64 // when a set was last given without a stream, µs
}

// network carries what members send to each other.
type network struct {
	w     *world
	links map[[2]uint32]*link
}

func key(a, b uint32) [2]uint32 { return [2]uint32{min(a, b), max(a, b)} }

func (n *network) link(a, b uint32) *link {
	w := n.w
	k := key(a, b)
	if n.links[k] == nil {
		n.links[k] = &link{}
		if w.rng.IntN(8) == 0 {
			n.links[k].slow = w.between(5, 60) * ms
		}
	}
	return n.links[k]
}

// end returns which end of a link the member is.
func end(self, other uint32) int {
	if self < other {
		return 0
	}
	return 1
}

// connectLater tries to connect two members until it succeeds or one is gone.
func (n *network) connectLater(a, b uint32) {
	w := n.w
	w.after(w.between(1, 30)*ms, func() { n.connect(a, b) })
}

func (n *network) connect(a, b uint32) {
	w := n.w
	l, pa, pb := n.link(a, b), w.running(a), w.running(b)
	if pa == nil || pb == nil || l.stands || w.stopped {
		return // whoever starts again connects again
	}
	if l.cut || w.now < l.heldUntil || pa.unreachable() || pb.unreachable() {
		n.connectLater(a, b)
		return
	}
	if !pa.knows(b) || !pb.knows(a) {
		n.knock(pa, pb)
		n.connectLater(a, b)
		return
	}
	l.life++
	l.stands, l.up, l.last = true, [2]bool{}, [2]int64{}
	l.ends[end(a, b)], l.ends[end(b, a)] = pa, pb
	n.hello(l, pa, pb)
	n.hello(l, pb, pa)
}

// knockInterval is how often a member that waits for another's stream gives it the set it has, µs: the other may not be
// told of it yet.
const knockInterval = second / 2

// knock has the one of two members that has the newer set give it to the other one.
func (n *network) knock(a, b *process) {
	w := n.w
	if a.epoch() < b.epoch() {
		a, b = b, a
	}
	l := n.link(a.id, b.id)
	if !w.gossip || a.epoch() == b.epoch() || w.now < l.knocked+knockInterval {
		return
	}
	l.knocked = w.now
	set := a.membership.View().Set
	w.after(w.between(1, 30)*ms, func() {
		if b.alive && !l.cut && b.epoch() < set.Epoch {
			b.setChanged(set)
		}
	})
}

func (p *process) unreachable() bool { return p.paused || p.apart }

// hello is the first message on a stream: with it the other end meets this one.
func (n *network) hello(l *link, from, to *process) {
	w := n.w
	synced, leaving := from.membership.SelfState()
	n.deliver(l, from, to, func() {
		w.trace("m%d meets m%d (synced %v)", to.id, from.id, synced)
		l.up[end(to.id, from.id)] = true
		v := to.membership.PeerUp(to.now(), from.id, from.incarnation, synced, leaving)
		to.tellMissed(from.id)
		to.apply(v)
		to.tellStateTo(from.id) // what it said since its hello was not carried
		to.offerSet(from.id)
	})
}

// standing returns the stream from a process to another member on which it has met that, nil if there is none.
func (n *network) standing(from *process, to uint32) *link {
	l := n.links[key(from.id, to)]
	if l == nil || !l.stands || l.ends[end(from.id, to)] != from || !l.up[end(from.id, to)] {
		return nil
	}
	return l
}

// carry brings something from a process to the other end of its stream.
func (n *network) carry(from *process, to uint32, do func(*process)) {
	if l := n.standing(from, to); l != nil {
		q := l.ends[end(to, from.id)]
		n.deliver(l, from, q, func() { do(q) })
	}
}

// deliver runs do when what was sent now arrives.
func (n *network) deliver(l *link, from, to *process, do func()) {
	w := n.w
	e := end(from.id, to.id)
	at := w.now + w.between(100, 3*ms) + l.slow + l.jam
	if from.lag > 0 {
		at += w.between(0, from.lag)
	}
	at = max(at, l.last[e]+1)
	l.last[e] = at
	life := l.life
	w.queue.add(at, func() {
		if l.life == life && l.stands && !l.deaf[end(to.id, from.id)] {
			to.run(do)
		}
	})
}

// drop ends a stream; what is in it is lost.
func (l *link) drop() {
	l.stands = false
	l.life++
}

// lose has both ends, as far as they live, notice that the other is gone, after a delay each.
func (n *network) lose(l *link, a, b *process, delay func() int64) {
	w := n.w
	life := l.life
	for _, pair := range [][2]*process{{a, b}, {b, a}} {
		self, other := pair[0], pair[1]
		w.after(delay(), func() {
			if l.life != life || l.stands {
				return
			}
			self.run(func() {
				if l.life == life && !l.stands {
					w.trace("m%d loses m%d", self.id, other.id)
					self.apply(self.membership.PeerDown(self.now(), other.id, "lost"))
				}
			})
		})
	}
}

// knows reports whether the member is in the set the process has.
func (p *process) knows(id uint32) bool {
	v := p.membership.View()
	if v == nil {
		return false
	}
	_, ok := v.Set.Member(id)
	return ok
}

// running returns the living process of a member, nil if there is none.
func (w *world) running(id uint32) *process {
	if int(id) > len(w.members) {
		return nil
	}
	return w.members[id-1]
}

// living returns every living process.
func (w *world) living() []*process {
	var all []*process
	for _, p := range w.members {
		if p != nil {
			all = append(all, p)
		}
	}
	return all
}

// edges returns the members that take requests: those that live and have a set, synced or not.
func (w *world) edges() []*process {
	return slices.DeleteFunc(w.living(), func(p *process) bool { return p.membership.View() == nil })
}

// sameIDs reports whether the ring is of these members, by rising ID.
func sameIDs(t *ring.Table, want []uint32) bool {
	return len(t.Members()) == len(want) && slices.Equal(ids(t), want)
}

func ids(t *ring.Table) []uint32 {
	all := make([]uint32, 0, len(t.Members()))
	for _, m := range t.Members() {
		all = append(all, m.ID)
	}
	slices.Sort(all)
	return all
}
