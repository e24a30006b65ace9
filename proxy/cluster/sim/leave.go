package sim

import (
	"github.com/sipring/sipring/proxy/config"
)

// drainTime is how long a member that leaves may wait for others to have what it has: then it exits (drainSeconds), µs.
const drainTime = 30 * second

// join adds a member.
func (w *world) join(then func()) {
	if len(w.members) >= w.replicas+5 {
		w.blips(then)
		return
	}
	w.byOperator(func() {
		w.count("joins")
		id := uint32(len(w.members) + 1)
		w.enlist(id)
		w.members = append(w.members, nil)
		w.publish()
		w.after(w.between(0, 500)*ms, func() {
			w.tell(w.start(id), w.found(id))
			then()
		})
	})
}

// drain takes a member out: it hands over and exits.
func (w *world) drain(then func()) {
	if len(w.living()) <= max(2, w.replicas) {
		w.join(then)
		return
	}
	w.takeOut(w.victim(), then)
}

// leaveShort takes a member out while others are down, though few are left.
func (w *world) leaveShort(then func()) {
	living := w.living()
	if len(living) < 2 {
		w.join(then)
		return
	}
	leaver := w.victim()
	both := all(2, then)
	w.after(w.between(0, second), func() { w.takeOut(leaver, both) })
	n := min(w.mayFail(), len(living)-1)
	if n < 1 {
		both()
		return
	}
	down := all(n, both)
	for _, p := range living {
		if p == leaver || n == 0 {
			continue
		}
		n--
		w.killOne(p)
		w.after(w.between(1, 12)*second, func() { w.restart(p.id); down() })
	}
}

// takeOut has a member leave. It is told so by its own supervisor, by the operator, or by both.
func (w *world) takeOut(p *process, then func()) {
	w.count("drains")
	w.trace("m%d drains", p.id)
	if w.rng.IntN(2) == 0 {
		p.run(func() { p.apply(p.membership.Drain(p.now())) })
	}
	w.after(w.between(0, 300)*ms, func() {
		w.byOperator(func() {
			w.published(p.id).State = config.Draining
			w.publish()
			w.awaitDrained(p.id, w.now+drainTime, then)
		})
	})
}

func (w *world) awaitDrained(id uint32, deadline int64, then func()) {
	p := w.running(id) // not always the life that began to drain
	late := w.now > deadline
	if late && w.now-w.disturbed > drainTime/2 {
		w.fail("agreement", "m%d has not handed over in %d s", id, drainTime/second)
		return
	}
	if p == nil || !late && (p.paused || !p.membership.Drained()) {
		w.after(50*ms, func() { w.awaitDrained(id, deadline, then) })
		return
	}
	w.trace("m%d exits, late: %v", p.id, late)
	if late && w.mayFail() < 1 { // it counts as one more that is down
		w.forgive()
	}
	w.killOne(p)
	w.after(w.between(0, 500)*ms, func() { w.delist(p.id, then) })
}

// forgive allows what was acknowledged to be lost: more has failed than the promise covers.
func (w *world) forgive() {
	w.report.Faults["forgiven"]++
	for _, ph := range w.phones {
		ph.forgiven = true
	}
}

// endCluster tells every member to leave. There is nobody to hand over to: each ends at once.
func (w *world) endCluster(then func()) {
	w.trace("the cluster ends")
	for i := range w.operator.members {
		w.operator.members[i].State = config.Draining
	}
	w.publish()
	deadline := w.now + 10*second
	if w.gossip {
		deadline += longestTold
	}
	w.awaitEnd(deadline, then)
}

func (w *world) awaitEnd(deadline int64, then func()) {
	for _, p := range w.living() {
		if p.membership.Drained() {
			continue
		}
		if w.now > deadline {
			w.fail("agreement", "m%d does not end though all do", p.id)
			return
		}
		w.after(100*ms, func() { w.awaitEnd(deadline, then) })
		return
	}
	then()
}
