package sim

// cut is a partition of the network that lasts, or has not healed. While it does, and until all have met and compared,
// members can not know of each other's updates.
type cut struct {
	links  []*link
	side   map[uint32]int // of a member; where only some links are cut each is its own
	size   map[int]int    // members of a side
	whole  bool           // sides, and no way between them
	healed bool
}

// cuts divides the network.
type cuts struct {
	w       *world
	current *cut // a partition that lasts, or has not healed
}

// beginCut begins one. Two thirds of the phones speak to one side alone from here on.
func (x *cuts) beginCut(side map[uint32]int, whole bool) *cut {
	w := x.w
	c := &cut{side: side, whole: whole, size: map[int]int{}}
	for _, s := range side {
		c.size[s]++
	}
	living := w.living()
	for _, ph := range w.phones {
		ph.ackedBefore, ph.spokeTo = ph.acked, 0
		ph.parted = ph.underWay() // either side may have taken what is under way
		ph.pin = 0
		if w.rng.IntN(3) > 0 {
			ph.pin = side[living[w.rng.IntN(len(living))].id]
		}
	}
	x.current = c
	return c
}

// servesCut reports whether the side of the member has all that was acknowledged before the cut, so that everything that is
// promised is promised there.
func (x *cuts) servesCut(p *process) bool {
	w := x.w
	c := x.current
	if !c.whole || c.healed {
		return false
	}
	return w.listedMembers()-c.size[c.side[p.id]] < w.replicas && c.side[p.id] != 0
}

func (w *world) listedMembers() int { return len(w.operator.members) }

// knows reports whether a member, whose side serves, must know what the phone did since the cut began.
func (c *cut) knows(ph *phone, p *process) bool {
	return !ph.parted && (ph.spokeTo == 0 || ph.spokeTo == c.side[p.id])
}

// speaks notes through whom the phone speaks while the network is cut.
func (c *cut) speaks(ph *phone, p *process) {
	s := c.side[p.id]
	if ph.spokeTo != 0 && ph.spokeTo != s || s == 0 {
		ph.parted = true
	}
	ph.spokeTo = s
}

// cutIsOver ends a partition that has healed: all have compared what they hold. What a phone did through one side alone
// nobody contradicted: it holds. Of what it did through several any may be what is left.
func (x *cuts) cutIsOver() {
	w := x.w
	if x.current == nil {
		return
	}
	x.current = nil
	for _, ph := range w.phones {
		if ph.parted {
			ph.acked = min(ph.acked, ph.ackedBefore)
			// What was acknowledged meanwhile may have lost, and a late copy of it is then as good as the first.
			for i := range ph.history[ph.acked+1:] {
				ph.history[ph.acked+1+i].acked = 0
			}
		}
		ph.pin = 0
	}
}

// partition divides the members in two for a while.
func (x *cuts) partition(then func()) {
	w := x.w
	w.count("partitions")
	x.divide(false, then)
}

// oneWayCut divides the members in two; what one side sends arrives until the other, which hears nothing, gives up.
func (x *cuts) oneWayCut(then func()) {
	w := x.w
	w.count("one-way cuts")
	x.divide(true, then)
}

func (x *cuts) divide(oneWay bool, then func()) {
	w := x.w
	living := w.living()
	side := map[uint32]int{}
	for _, p := range living {
		side[p.id] = 1 + w.rng.IntN(2)
	}
	c := x.beginCut(side, true)
	for i, a := range living {
		for _, b := range living[:i] {
			if side[a.id] != side[b.id] {
				x.cutLink(c, a, b, oneWay)
			}
		}
	}
	x.heal(c, then)
}

// partialCut cuts some links: members that do not reach each other reach others that both do.
func (x *cuts) partialCut(then func()) {
	w := x.w
	living := w.living()
	if len(living) < 3 {
		w.supervisor.join(then)
		return
	}
	w.count("partial cuts")
	side := map[uint32]int{}
	for _, p := range living {
		side[p.id] = int(p.id)
	}
	c := x.beginCut(side, false)
	bridge := w.saboteur.victim() // reaches all
	for i, a := range living {
		for _, b := range living[:i] {
			if a != bridge && b != bridge && (len(c.links) == 0 || w.rng.IntN(3) == 0) {
				x.cutLink(c, a, b, w.rng.IntN(3) == 0)
			}
		}
	}
	x.heal(c, then)
}

// cutLink cuts two members off from each other. Both notice after a second of silence. One way: what a sends still
// arrives at b until b, whose answers do not, is told or gives up as well.
func (x *cuts) cutLink(c *cut, a, b *process, oneWay bool) {
	w := x.w
	w.trace("m%d and m%d cut, one way: %v", a.id, b.id, oneWay)
	l := w.network.link(a.id, b.id)
	l.cut = true
	c.links = append(c.links, l)
	if !oneWay {
		x.sever(l, a, b, 300, 1500)
		return
	}
	l.deaf[end(a.id, b.id)] = true
	life := l.life
	w.after(w.between(450, 1500)*ms, func() {
		l.deaf = [2]bool{}
		if l.life == life && l.stands {
			x.sever(l, a, b, 1, 300)
		}
	})
}

// sever ends the stream between two members, which notice after between low and high, ms.
func (x *cuts) sever(l *link, a, b *process, low, high int64) {
	w := x.w
	l.drop()
	w.network.lose(l, a, b, func() int64 { return w.between(low, high) * ms })
	w.network.connectLater(a.id, b.id)
}

// heal mends the links after a while.
func (x *cuts) heal(c *cut, then func()) {
	w := x.w
	w.after(w.between(1, 10)*second, func() {
		w.trace("healed")
		c.healed = true
		w.disturb()
		for _, l := range c.links {
			l.cut = false
		}
		w.director.rest(then)
	})
}
