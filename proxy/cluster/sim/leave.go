package sim

import (
	"github.com/sipring/sipring/proxy/config"
)

// drainTime is how long a member that leaves may wait for others to have what it has: then it exits (drainSeconds), µs.
const drainTime = 30 * second

// supervisor has members join and leave.
type supervisor struct{ w *world }

// join adds a member.
func (s *supervisor) join(then func()) {
	w := s.w
	if len(w.members) >= w.replicas+5 {
		w.saboteur.blips(then)
		return
	}
	w.operator.byOperator(func() {
		w.count("joins")
		id := uint32(len(w.members) + 1)
		w.operator.enlist(id)
		w.members = append(w.members, nil)
		w.operator.publish()
		w.after(w.between(0, 500)*ms, func() {
			w.operator.tell(w.start(id), w.operator.found(id))
			then()
		})
	})
}

// drain takes a member out: it hands over and exits.
func (s *supervisor) drain(then func()) {
	w := s.w
	if len(w.living()) <= max(2, w.replicas) {
		s.join(then)
		return
	}
	s.takeOut(w.saboteur.victim(), then)
}

// leaveShort takes a member out while others are down, though few are left.
func (s *supervisor) leaveShort(then func()) {
	w := s.w
	living := w.living()
	if len(living) < 2 {
		s.join(then)
		return
	}
	leaver := w.saboteur.victim()
	both := all(2, then)
	w.after(w.between(0, second), func() { s.takeOut(leaver, both) })
	n := min(w.saboteur.mayFail(), len(living)-1)
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
		w.saboteur.killOne(p)
		w.after(w.between(1, 12)*second, func() { w.saboteur.restart(p.id); down() })
	}
}

// takeOut has a member leave. It is told so by its own supervisor, by the operator, or by both.
func (s *supervisor) takeOut(p *process, then func()) {
	w := s.w
	w.count("drains")
	w.trace("m%d drains", p.id)
	if w.rng.IntN(2) == 0 {
		p.run(func() { p.apply(p.membership.Drain(p.now())) })
	}
	w.after(w.between(0, 300)*ms, func() {
		w.operator.byOperator(func() {
			w.operator.published(p.id).State = config.Draining
			w.operator.publish()
			s.awaitDrained(p.id, w.now+drainTime, then)
		})
	})
}

func (s *supervisor) awaitDrained(id uint32, deadline int64, then func()) {
	w := s.w
	p := w.running(id) // not always the life that began to drain
	late := w.now > deadline
	if late && w.now-w.disturbed > drainTime/2 {
		w.fail("agreement", "m%d has not handed over in %d s", id, drainTime/second)
		return
	}
	if p == nil || !late && (p.paused || !p.membership.Drained()) {
		w.after(50*ms, func() { s.awaitDrained(id, deadline, then) })
		return
	}
	w.trace("m%d exits, late: %v", p.id, late)
	if late && w.saboteur.mayFail() < 1 { // it counts as one more that is down
		s.forgive()
	}
	w.saboteur.killOne(p)
	w.after(w.between(0, 500)*ms, func() { w.operator.delist(p.id, then) })
}

// forgive allows what was acknowledged to be lost: more has failed than the promise covers.
func (s *supervisor) forgive() {
	w := s.w
	w.report.Faults["forgiven"]++
	w.judge.forgave = w.now
	for _, ph := range w.phones {
		ph.forgiven = true
	}
}

// endCluster tells every member to leave. There is nobody to hand over to: each ends at once.
func (s *supervisor) endCluster(then func()) {
	w := s.w
	w.trace("the cluster ends")
	for i := range w.operator.members {
		w.operator.members[i].State = config.Draining
	}
	w.operator.publish()
	deadline := w.now + 10*second
	if w.gossip {
		deadline += longestTold
	}
	s.awaitEnd(deadline, then)
}

func (s *supervisor) awaitEnd(deadline int64, then func()) {
	w := s.w
	for _, p := range w.living() {
		if p.membership.Drained() {
			continue
		}
		if w.now > deadline {
			w.fail("agreement", "m%d does not end though all do", p.id)
			return
		}
		w.after(100*ms, func() { s.awaitEnd(deadline, then) })
		return
	}
	then()
}
