package sim

// repairBound is how long after a fault the cluster may take to come to rest, µs.
const repairBound = 40 * second

// director has one thing happen after the other.
type director struct{ w *world }

// script starts the world: members, phones, lookups and one fault after the other.
func (d *director) script() {
	w := d.w
	o := &w.operator
	o.seen, o.unseen = map[uint32]int64{}, map[uint32]int64{}
	o.wait = w.between(0, w.looks) * ms
	o.replicas = w.replicas
	n := w.between(int64(max(2, w.replicas)), int64(w.replicas)+3)
	if w.few {
		n = w.between(1, int64(w.replicas)+1)
	}
	for id := uint32(1); id <= uint32(n); id++ {
		w.operator.enlist(id)
		w.start(id)
	}
	w.operator.publish()
	w.operator.operate()
	d.rest(func() {
		perAOR := 1 + w.rng.IntN(3)
		for i := range 20 + w.rng.IntN(30) {
			w.newPhone(i, perAOR)
		}
		d.lookups()
		n := 3 + w.rng.IntN(4)
		if w.eager {
			n *= 2
		}
		d.goOn(n)
	})
}

// lookups keeps asking.
func (d *director) lookups() {
	w := d.w
	if w.stopped {
		return
	}
	w.judge.checkAnswered()
	if edges := w.edges(); len(edges) > 0 {
		w.judge.lookup(edges[w.rng.IntN(len(edges))], w.phones[w.rng.IntN(len(w.phones))])
	}
	w.after(w.between(2, 30)*ms, d.lookups)
}

// goOn does one fault after the other, with a rest between them or as soon as the members could bear another, and ends
// the run.
func (d *director) goOn(left int) {
	w := d.w
	if left == 0 {
		d.finish()
		return
	}
	next := func() { d.goOn(left - 1) }
	pause := w.between(0, second)
	if w.long {
		pause = w.between(0, 25*second)
	}
	more := func() { w.after(pause, func() { d.rest(next) }) }
	if w.eager && left > 1 && w.rng.IntN(4) > 0 {
		more = func() { d.await(w.now+d.patience(), next) }
	}
	w.nextFault()(more)
}

// finish ends the run.
func (d *director) finish() {
	w := d.w
	if !w.ends {
		w.stopped = true
		return
	}
	w.supervisor.endCluster(func() { w.stopped = true })
}

// patience is how long all may take to be as they should, from now: what the operator takes, and what the members do.
func (d *director) patience() int64 {
	w := d.w
	o := &w.operator
	until := max(w.now, o.backAt)
	for _, t := range o.unseen {
		until = max(until, t)
	}
	return until - w.now + repairBound + 2*o.wait
}

// rest waits until the world is quiet, has everything checked, and goes on.
func (d *director) rest(then func()) { d.restUntil(d.w.now+d.patience(), then) }

func (d *director) restUntil(deadline int64, then func()) {
	w := d.w
	ok, why := w.observer.quiet()
	if ok {
		d.settle(w.now+repairBound, then)
		return
	}
	if w.now > deadline {
		w.fail("agreement", "not at rest long after the last fault: %s", why)
		return
	}
	w.after(50*ms, func() { d.restUntil(deadline, then) })
}

// settle waits until the owners agree, which updates on their way may delay, checks everything, and goes on.
func (d *director) settle(deadline int64, then func()) {
	w := d.w
	w.hush = true
	if ok, _ := w.observer.quiet(); !ok {
		d.restUntil(deadline, then)
		return
	}
	if why := w.observer.checkAgreement(); why != "" {
		if w.now > deadline {
			w.fail("agreement", "%s", why)
			return
		}
		w.after(7*ms, func() { d.settle(deadline, then) })
		return
	}
	w.cuts.cutIsOver()
	w.judge.blind, w.judge.usurped = false, false
	for _, p := range w.living() {
		p.dazed, p.belied = false, false
	}
	for _, ph := range w.phones {
		ph.astray = false
	}
	w.hush = false
	w.report.QuietPoints++
	w.trace("quiet")
	w.judge.checkEverywhere()
	w.after(100*ms, then)
}

// await waits until every living member is synced and has met all others, and goes on soon after, whatever is published.
func (d *director) await(deadline int64, then func()) {
	w := d.w
	why := w.observer.unready()
	if why != "" && w.now > deadline {
		w.fail("agreement", "not all synced long after the last fault: %s", why)
		return
	}
	if why != "" {
		w.after(10*ms, func() { d.await(deadline, then) })
		return
	}
	w.after(w.between(0, 300)*ms, func() {
		if w.observer.unready() != "" {
			d.await(deadline, then)
			return
		}
		w.trace("all synced")
		then()
	})
}
