package sim

// repairBound is how long after a fault the cluster may take to come to rest, µs.
const repairBound = 40 * second

// script starts the world: members, phones, lookups and one fault after the other.
func (w *world) script() {
	o := &w.operator
	o.seen, o.unseen = map[uint32]int64{}, map[uint32]int64{}
	o.wait = w.between(0, w.looks) * ms
	o.replicas = w.replicas
	n := w.between(int64(max(2, w.replicas)), int64(w.replicas)+3)
	if w.few {
		n = w.between(1, int64(w.replicas)+1)
	}
	for id := uint32(1); id <= uint32(n); id++ {
		w.enlist(id)
		w.start(id)
	}
	w.publish()
	w.operate()
	w.rest(func() {
		perAOR := 1 + w.rng.IntN(3)
		for i := range 20 + w.rng.IntN(30) {
			w.newPhone(i, perAOR)
		}
		w.lookups()
		n := 3 + w.rng.IntN(4)
		if w.eager {
			n *= 2
		}
		w.goOn(n)
	})
}

// lookups keeps asking.
func (w *world) lookups() {
	if w.stopped {
		return
	}
	w.checkAnswered()
	if edges := w.edges(); len(edges) > 0 {
		w.lookup(edges[w.rng.IntN(len(edges))], w.phones[w.rng.IntN(len(w.phones))])
	}
	w.after(w.between(2, 30)*ms, w.lookups)
}

// goOn does one fault after the other, with a rest between them or as soon as the members could bear another, and ends
// the run.
func (w *world) goOn(left int) {
	if left == 0 {
		w.finish()
		return
	}
	next := func() { w.goOn(left - 1) }
	pause := w.between(0, second)
	if w.long {
		pause = w.between(0, 25*second)
	}
	more := func() { w.after(pause, func() { w.rest(next) }) }
	if w.eager && left > 1 && w.rng.IntN(4) > 0 {
		more = func() { w.await(w.now+w.patience(), next) }
	}
	w.nextFault()(w, more)
}

// finish ends the run.
func (w *world) finish() {
	if !w.ends {
		w.stopped = true
		return
	}
	w.endCluster(func() { w.stopped = true })
}

// patience is how long all may take to be as they should, from now: what the operator takes, and what the members do.
func (w *world) patience() int64 {
	o := &w.operator
	until := max(w.now, o.backAt)
	for _, t := range o.unseen {
		until = max(until, t)
	}
	return until - w.now + repairBound + 2*o.wait
}

// rest waits until the world is quiet, has everything checked, and goes on.
func (w *world) rest(then func()) { w.restUntil(w.now+w.patience(), then) }

func (w *world) restUntil(deadline int64, then func()) {
	ok, why := w.quiet()
	if ok {
		w.settle(w.now+repairBound, then)
		return
	}
	if w.now > deadline {
		w.fail("agreement", "not at rest long after the last fault: %s", why)
		return
	}
	w.after(50*ms, func() { w.restUntil(deadline, then) })
}

// settle waits until the owners agree, which updates on their way may delay, checks everything, and goes on.
func (w *world) settle(deadline int64, then func()) {
	w.hush = true
	if ok, _ := w.quiet(); !ok {
		w.restUntil(deadline, then)
		return
	}
	if why := w.checkAgreement(); why != "" {
		if w.now > deadline {
			w.fail("agreement", "%s", why)
			return
		}
		w.after(7*ms, func() { w.settle(deadline, then) })
		return
	}
	w.cutIsOver()
	w.blind, w.usurped = false, false
	for _, p := range w.living() {
		p.dazed, p.belied = false, false
	}
	for _, ph := range w.phones {
		ph.astray = false
	}
	w.hush = false
	w.report.QuietPoints++
	w.trace("quiet")
	w.checkEverywhere()
	w.after(100*ms, then)
}

// await waits until every living member is synced and has met all others, and goes on soon after, whatever is published.
func (w *world) await(deadline int64, then func()) {
	why := w.unready()
	if why != "" && w.now > deadline {
		w.fail("agreement", "not all synced long after the last fault: %s", why)
		return
	}
	if why != "" {
		w.after(10*ms, func() { w.await(deadline, then) })
		return
	}
	w.after(w.between(0, 300)*ms, func() {
		if w.unready() != "" {
			w.await(deadline, then)
			return
		}
		w.trace("all synced")
		then()
	})
}
