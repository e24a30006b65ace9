package sim

import (
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// repairBound is how long after a fault the cluster may take to come to rest, µs.
const repairBound = 40 * second

// script starts the world: members, phones, lookups and one fault after the other.
func (w *world) script() {
	o := &w.operator
	o.seen = map[uint32]int64{}
	o.wait = w.between(0, 600) * ms
	n := w.between(int64(max(2, w.replicas)), int64(w.replicas)+3)
	for id := uint32(1); id <= uint32(n); id++ {
		w.enlist(id)
		w.start(id)
	}
	w.publish()
	w.operate()
	w.rest(0, func() {
		perAOR := 1 + w.rng.IntN(3)
		for i := range 20 + w.rng.IntN(30) {
			w.newPhone(i, perAOR)
		}
		w.lookups()
		w.faults(3 + w.rng.IntN(4))
	})
}

// lookups keeps asking.
func (w *world) lookups() {
	if w.stopped {
		return
	}
	if edges := w.edges(); len(edges) > 0 {
		w.lookup(edges[w.rng.IntN(len(edges))], w.phones[w.rng.IntN(len(w.phones))])
	}
	w.after(w.between(2, 30)*ms, w.lookups)
}

// rest waits until the world is quiet and goes on. now is how long that has taken.
func (w *world) rest(waited int64, then func()) {
	const step = 50 * ms
	ok, why := w.quiet()
	if ok {
		w.settle(0, then)
		return
	}
	if waited > repairBound {
		w.fail("agreement", "not at rest %d s after the last fault: %s", waited/second, why)
		return
	}
	w.after(step, func() { w.rest(waited+step, then) })
}

// settle waits until the owners agree, which updates on their way may delay, checks everything, and goes on.
func (w *world) settle(waited int64, then func()) {
	const step = 7 * ms
	w.hush = true
	if ok, _ := w.quiet(); !ok {
		w.rest(waited, then)
		return
	}
	if why := w.checkAgreement(); why != "" {
		if waited > repairBound {
			w.fail("agreement", "%s", why)
			return
		}
		w.after(step, func() { w.settle(waited+step, then) })
		return
	}
	if w.cut {
		// Both sides acknowledged what the other did not know. Any of it may be what is left.
		w.cut = false
		for _, ph := range w.phones {
			ph.acked = ph.ackedBefore
		}
	}
	w.hush = false
	w.report.QuietPoints++
	w.trace("quiet")
	w.checkEverywhere()
	w.after(100*ms, then)
}

// faults does one fault after the other, with a rest between them, and ends the run.
func (w *world) faults(left int) {
	if left == 0 {
		w.stopped = true
		return
	}
	more := func() { w.after(w.between(0, second), func() { w.rest(0, func() { w.faults(left - 1) }) }) }
	down := 0
	if w.replicas > 1 {
		down = 1
	}
	if down > 0 && w.rng.IntN(3) == 0 {
		w.together(more)
		return
	}
	cuts := 0
	if w.cfg.Partitions {
		cuts = 4
	}
	stops := 0
	if w.stops {
		stops = 6 * down
	}
	switch w.pick(4*down, 4*down, 2, 2, 3, 2*down, cuts, stops) {
	case 0:
		w.crash(w.between(2, 12)*second, more)
	case 1:
		w.crash(w.between(50, 2500)*ms, more)
	case 2:
		w.join(more)
	case 3:
		w.drain(more)
	case 4:
		w.blips(more)
	case 5:
		w.replace(more)
	case 6:
		w.partition(more)
	case 7:
		w.suspend(more)
	}
}

// together crashes members while others join, leave or lose streams.
func (w *world) together(then func()) {
	left := 2
	both := func() {
		if left--; left == 0 {
			then()
		}
	}
	switch w.rng.IntN(3) {
	case 0:
		w.join(both)
	case 1:
		w.drain(both)
	case 2:
		w.blips(both)
	}
	w.after(w.between(0, 800)*ms, func() { w.crash(w.between(50, 6000)*ms, both) })
}

// victim draws a living member.
func (w *world) victim() *process {
	living := w.living()
	return living[w.rng.IntN(len(living))]
}

// crash kills a member, and with R above 2 sometimes others before it is back, and starts them again in place.
func (w *world) crash(downtime int64, then func()) {
	n := 1
	if w.replicas > 2 {
		n = 1 + w.rng.IntN(w.replicas-1)
	}
	left := n
	for i := range n {
		w.after(int64(i)*w.between(0, 800)*ms, func() {
			p := w.victim()
			id := p.id
			w.killOne(p)
			w.after(downtime, func() {
				w.report.Restarts++
				q := w.start(id)
				w.tell(q, w.current())
				if left--; left == 0 {
					then()
				}
			})
		})
	}
}

// killOne kills a process. The others notice at once, as a reset shows it, or after a second of silence.
func (w *world) killOne(p *process) {
	w.report.Kills++
	w.trace("m%d killed", p.id)
	p.kill()
	p.died = w.now
	silent := w.rng.IntN(3) == 0
	for _, q := range w.living() {
		l := w.link(p.id, q.id)
		l.drop()
		w.lose(l, p, q, func() int64 {
			if silent {
				return w.between(300, 1500) * ms
			}
			return w.between(1, 8) * ms
		})
	}
}

// join adds a member.
func (w *world) join(then func()) {
	if len(w.members) >= w.replicas+5 {
		w.blips(then)
		return
	}
	w.report.Joins++
	id := uint32(len(w.members) + 1)
	w.enlist(id)
	w.publish()
	w.after(w.between(0, 500)*ms, func() {
		w.tell(w.start(id), w.current())
		then()
	})
}

// drain takes a member out: it hands over and exits.
func (w *world) drain(then func()) {
	if len(w.living()) <= max(2, w.replicas) {
		w.join(then)
		return
	}
	w.report.Drains++
	p := w.victim()
	w.trace("m%d drains", p.id)
	if w.rng.IntN(2) == 0 {
		p.apply(p.membership.Drain(p.now()))
	}
	w.after(w.between(0, 300)*ms, func() {
		w.published(p.id).State = config.Draining
		w.publish()
		w.awaitDrained(p.id, 0, then)
	})
}

func (w *world) awaitDrained(id uint32, waited int64, then func()) {
	p := w.running(id) // not always the life that began to drain
	if p == nil || !p.membership.Drained() {
		if waited > repairBound {
			w.fail("agreement", "m%d has not handed over after %d s", id, waited/second)
			return
		}
		w.after(50*ms, func() { w.awaitDrained(id, waited+50*ms, then) })
		return
	}
	w.trace("m%d exits", p.id)
	w.killOne(p)
	w.after(w.between(0, 500)*ms, func() {
		w.operator.members = slices.DeleteFunc(w.operator.members, func(m config.Member) bool { return m.ID == p.id })
		w.publish()
		then()
	})
}

// replace kills a member for good and has the operator take it out of the set; a new one may come.
func (w *world) replace(then func()) {
	if len(w.living()) <= max(2, w.replicas) {
		w.join(then)
		return
	}
	p := w.victim()
	w.killOne(p)
	w.after(w.between(0, 3)*second, func() {
		w.operator.members = slices.DeleteFunc(w.operator.members, func(m config.Member) bool { return m.ID == p.id })
		w.publish()
		then()
	})
}

// blips breaks some streams, which stand again at once.
func (w *world) blips(then func()) {
	for range 1 + w.rng.IntN(4) {
		w.after(w.between(0, 500)*ms, func() {
			a, b := w.victim(), w.victim()
			l := w.link(a.id, b.id)
			if a == b || !l.stands {
				return
			}
			w.report.Blips++
			w.trace("stream m%d m%d breaks", a.id, b.id)
			l.drop()
			w.connectLater(a.id, b.id)
		})
	}
	w.after(600*ms, then)
}

// partition cuts members off from each other for a while.
func (w *world) partition(then func()) {
	living := w.living()
	side := map[uint32]bool{}
	for _, p := range living {
		side[p.id] = w.rng.IntN(2) == 0
	}
	w.cut = true
	w.report.Cuts++
	for _, ph := range w.phones {
		ph.ackedBefore = ph.acked
	}
	var links []*link
	for i, a := range living {
		for _, b := range living[:i] {
			if side[a.id] == side[b.id] {
				continue
			}
			w.trace("m%d and m%d cut", a.id, b.id)
			l := w.link(a.id, b.id)
			l.cut = true
			links = append(links, l)
			l.drop()
			w.lose(l, a, b, func() int64 { return w.between(300, 1500) * ms })
			w.connectLater(a.id, b.id)
		}
	}
	w.after(w.between(1, 10)*second, func() {
		w.trace("healed")
		for _, l := range links {
			l.cut = false
		}
		then()
	})
}

// suspend stops a process for a while, as SIGSTOP does. Beyond a second the others take it for dead; it does not know.
// What reached it meanwhile it does as it goes on, before it hears that its streams have ended.
func (w *world) suspend(then func()) {
	w.report.Pauses++
	p := w.victim()
	w.trace("m%d stops", p.id)
	p.paused = true
	p.pauses++
	until := w.between(200, 6000) * ms
	if lost := w.between(450, 1500) * ms; lost < until {
		w.after(lost, func() { w.forsake(p) })
	}
	w.after(until, func() {
		w.trace("m%d goes on", p.id)
		p.paused = false
		held := p.held
		p.held = nil
		for _, ph := range w.phones {
			w.lookup(p, ph)
		}
		for _, do := range held {
			p.run(do)
		}
		then()
	})
}

// forsake has all others find that the member does not answer. Their streams to it end.
func (w *world) forsake(p *process) {
	for _, q := range w.living() {
		l := w.link(p.id, q.id)
		if q == p || !l.stands {
			continue
		}
		l.drop()
		w.after(w.between(0, 300)*ms, func() {
			if q.alive && !l.stands {
				w.trace("m%d loses m%d", q.id, p.id)
				q.apply(q.membership.PeerDown(q.now(), p.id, "silent"))
			}
		})
		w.connectLater(p.id, q.id)
	}
}

// published returns the member as published last, nil if it is not.
func (w *world) published(id uint32) *config.Member {
	for i := range w.operator.members {
		if w.operator.members[i].ID == id {
			return &w.operator.members[i]
		}
	}
	return nil
}
