package sim

// suspend stops a process for a while, as SIGSTOP does. Beyond a second the others take it for dead; it does not know.
// What reached it meanwhile it does as it goes on, before it hears that its streams have ended.
func (s *saboteur) suspend(then func()) {
	s.stall(false, then)
}

// freeze stops a process and its clock, as a hypervisor does with a machine. The process can not know that time has
// passed until others tell it, so what it is asked before may be answered from what it last knew.
func (s *saboteur) freeze(then func()) {
	s.stall(true, then)
}

// longestStall is the longest that a process is stopped, µs.
const longestStall = 6 * second

// stall is a time for which a process is stopped.
type stall struct {
	ends, length int64 // µs
}

// stalledSince is how late members may see a binding end that was made at t, µs. Stops add up: a member that has been
// stopped gives the binding to others with the time that it still has there, and they may be stopped next.
func (j *judge) stalledSince(t int64) int64 {
	sum := int64(0)
	for _, s := range j.stalls {
		if s.ends > t {
			sum += s.length
		}
	}
	return sum
}

func (s *saboteur) stall(clock bool, then func()) {
	w := s.w
	if s.mayFail() < 1 {
		w.supervisor.join(then)
		return
	}
	w.count("stalls")
	p := s.victim()
	w.trace("m%d stops, its clock too: %v", p.id, clock)
	p.paused = true
	p.pauses++
	until := w.between(200, longestStall/ms) * ms
	w.judge.stalls = append(w.judge.stalls, stall{w.now + until, until})
	if lost := w.between(450, 1500) * ms; lost < until {
		w.after(lost, func() { s.forsake(p) })
	}
	w.after(until, func() {
		w.trace("m%d goes on", p.id)
		p.paused = false
		if clock {
			p.skew -= until / ms
			p.dazed = true
		}
		w.disturb()
		held := p.held
		p.held = nil
		for _, ph := range w.phones {
			w.judge.lookup(p, ph)
		}
		for _, do := range held {
			p.run(do)
		}
		then()
	})
}

// forsake has all others find that the member does not answer. Their streams to it end.
func (s *saboteur) forsake(p *process) {
	w := s.w
	for _, q := range w.living() {
		l := w.network.link(p.id, q.id)
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
		w.network.connectLater(p.id, q.id)
	}
}

// slowProcess has a process late with all that it does, for seconds, but not so late that others take it for dead.
func (s *saboteur) slowProcess(then func()) {
	w := s.w
	w.count("slow processes")
	p := s.victim()
	p.lag = w.between(20, 200) * ms
	w.trace("m%d is slow: %d ms", p.id, p.lag/ms)
	w.after(w.between(2, 10)*second, func() { p.lag = 0 })
	if w.rng.IntN(2) == 0 { // something else happens meanwhile
		w.after(w.between(0, second), func() { s.together(then) })
		return
	}
	w.after(10*second, then)
}
