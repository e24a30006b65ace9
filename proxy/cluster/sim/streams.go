package sim

// blips breaks some streams, which stand again at once.
func (s *saboteur) blips(then func()) {
	w := s.w
	for range 1 + w.rng.IntN(4) {
		w.after(w.between(0, 500)*ms, func() { s.breakStream(s.victim(), s.victim()) })
	}
	w.after(600*ms, then)
}

func (s *saboteur) breakStream(a, b *process) {
	w := s.w
	if a == b {
		return
	}
	l := w.network.link(a.id, b.id)
	if !l.stands {
		return
	}
	w.count("blips")
	w.trace("stream m%d m%d breaks", a.id, b.id)
	l.drop()
	w.network.connectLater(a.id, b.id)
}

// fullQueues has members read slowly, until the queues of those who send to them are full and the streams break, with
// everything that was in them.
func (s *saboteur) fullQueues(then func()) {
	w := s.w
	n := 1 + w.rng.IntN(3)
	done := all(n, then)
	for range n {
		w.after(w.between(0, 500)*ms, func() {
			a, b := s.victim(), s.victim()
			if a == b {
				done()
				return
			}
			w.count("full queues")
			l := w.network.link(a.id, b.id)
			l.jam = w.between(200, 1000) * ms
			w.after(w.between(100, 1500)*ms, func() {
				l.jam = 0
				s.breakStream(a, b)
				done()
			})
		})
	}
}
