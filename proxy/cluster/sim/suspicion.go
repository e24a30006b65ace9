package sim

// suspicion has members take others for dead that live. The accused notice no more than the end of a stream, and the
// stream soon stands again. One or several accuse one or several.
func (s *saboteur) suspicion(then func()) {
	w := s.w
	living := w.living()
	if len(living) < 2 {
		w.supervisor.join(then)
		return
	}
	w.count("suspicions")
	w.judge.blind = true
	if w.rng.IntN(2) == 0 {
		a := s.victim()
		everyone := w.rng.IntN(3) == 0
		for _, b := range living {
			if everyone || w.rng.IntN(2) == 0 {
				s.suspect(a, b)
			}
		}
	} else {
		b := s.victim()
		for _, a := range living {
			if w.rng.IntN(2) == 0 {
				s.suspect(a, b)
			}
		}
	}
	w.after(1300*ms, func() { w.director.rest(then) })
}

// suspect has a take b for dead.
func (s *saboteur) suspect(a, b *process) {
	w := s.w
	l := w.network.link(a.id, b.id)
	if a == b || !l.stands {
		return
	}
	w.trace("m%d takes m%d for dead", a.id, b.id)
	l.drop()
	l.heldUntil = w.now + w.between(210, 1200)*ms
	life := l.life
	w.after(w.between(0, 200)*ms, func() {
		if l.life == life {
			a.run(func() { a.apply(a.membership.PeerDown(a.now(), b.id, "wrongly")) })
			w.judge.usurped = w.judge.usurped || w.judge.takesForDead(a) >= w.replicas
		}
	})
	w.network.connectLater(a.id, b.id)
}
