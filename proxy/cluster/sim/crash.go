package sim

import (
	"slices"

	"github.com/sipring/sipring/proxy/config"
)

// saboteur has members fail.
type saboteur struct{ w *world }

// victim draws a living member.
func (s *saboteur) victim() *process {
	w := s.w
	living := w.living()
	return living[w.rng.IntN(len(living))]
}

// mayFail is how many more members may be down or not synced at once, as promised: R-1, but not all that hold anything.
func (s *saboteur) mayFail() int {
	w := s.w
	n, holders := w.replicas-1, 0
	for _, m := range w.operator.members {
		if s.failed(m) {
			n--
		}
	}
	for _, p := range w.living() {
		if synced, leaving := p.membership.SelfState(); synced && !leaving {
			holders++
		}
	}
	return max(0, min(n, holders-1))
}

// failed reports whether the member is down, or has begun anew and does not hold yet what it should.
func (s *saboteur) failed(m config.Member) bool {
	w := s.w
	p := w.running(m.ID)
	if p == nil {
		return slices.ContainsFunc(w.processes, func(q *process) bool { return q.id == m.ID })
	}
	synced, leaving := p.membership.SelfState()
	return p.paused || p.lives > 1 && !synced && !leaving
}

// absentSeconds has members away for seconds, absentMoment for less than it takes to notice.
func (s *saboteur) absentSeconds(then func()) { s.crash(s.w.between(2, 12)*second, then) }
func (s *saboteur) absentMoment(then func())  { s.crash(s.w.between(50, 2500)*ms, then) }

// crash kills a member, and with R above 2 sometimes others before it is back, and starts them again in place.
func (s *saboteur) crash(downtime int64, then func()) {
	w := s.w
	n := min(1+w.rng.IntN(max(1, w.replicas-1)), s.mayFail())
	if n < 1 {
		s.blips(then)
		return
	}
	both := all(n, then)
	for i := range n {
		w.after(int64(i)*w.between(0, 800)*ms, func() {
			p := s.victim()
			s.killOne(p)
			w.after(downtime, func() { s.restart(p.id); both() })
		})
	}
}

// all returns a function that calls then when it has been called n times.
func all(n int, then func()) func() {
	return func() {
		if n--; n == 0 {
			then()
		}
	}
}

// restart begins another life of a member, with the set as it finds it.
func (s *saboteur) restart(id uint32) *process {
	w := s.w
	w.count("restarts")
	p := w.start(id)
	w.operator.tell(p, w.operator.found(id))
	return p
}

// killOne kills a process. The others notice at once, as a reset shows it, or after a second of silence.
func (s *saboteur) killOne(p *process) {
	w := s.w
	w.count("kills")
	w.trace("m%d killed", p.id)
	p.kill()
	silent := w.rng.IntN(3) == 0
	for _, q := range w.living() {
		l := w.network.link(p.id, q.id)
		l.drop()
		w.network.lose(l, p, q, func() int64 {
			if silent {
				return w.between(300, 1500) * ms
			}
			return w.between(1, 8) * ms
		})
	}
}

// together crashes members while others join, leave or lose streams.
func (s *saboteur) together(then func()) {
	w := s.w
	both := all(2, then)
	switch w.rng.IntN(3) {
	case 0:
		w.supervisor.join(both)
	case 1:
		w.supervisor.drain(both)
	case 2:
		s.blips(both)
	}
	w.after(w.between(0, 800)*ms, func() { s.crash(w.between(50, 6000)*ms, both) })
}

// replace kills a member for good and has the operator take it out of the set; a new one may come.
func (s *saboteur) replace(then func()) {
	w := s.w
	if len(w.living()) <= max(2, w.replicas) || s.mayFail() < 1 {
		w.supervisor.join(then)
		return
	}
	p := s.victim()
	s.killOne(p)
	w.after(w.between(0, 3)*second, func() { w.operator.delist(p.id, then) })
}

// cutOffStart kills a member that starts again where it reaches nobody, for seconds. It knows of the others, and so that
// it knows nothing.
func (s *saboteur) cutOffStart(then func()) {
	w := s.w
	if s.mayFail() < 1 {
		w.supervisor.join(then)
		return
	}
	p := s.victim()
	s.killOne(p)
	w.after(w.between(50, 3000)*ms, func() {
		q := s.restart(p.id)
		q.apart = true
		w.trace("m%d reaches nobody", q.id)
		w.after(w.between(2, 10)*second, func() {
			w.trace("m%d reaches all", q.id)
			q.apart = false
			w.disturb()
			then()
		})
	})
}
