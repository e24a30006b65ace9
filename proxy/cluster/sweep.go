package cluster

// sweeper passes over all partitions, drops what has expired, and has what is left compared.
type sweeper struct {
	*self
	partitions *partitions
	handover   *handover
	comparer   *comparer

	last int64 // when it last moved
	owed int64 // partitions times SweepPeriod
	next int32
}

// maxElapsed is how much time one tick makes up for, ms.
const maxElapsed = 1000

// tick sweeps as many partitions as the time since the last tick asks for.
func (w *sweeper) tick() {
	parts := int32(w.partitions.len())
	elapsed := min(w.now-w.last, maxElapsed)
	w.last = w.now
	w.owed += elapsed * int64(parts)
	for ; w.owed >= w.cfg.SweepPeriod && parts > 0; w.owed -= w.cfg.SweepPeriod {
		w.sweep(w.next)
		w.next = (w.next + 1) % parts
	}
}

// sweep drops what has expired, and strays that their owners hold, and has the home compare with the others.
func (w *sweeper) sweep(local int32) {
	p := w.partitions.at(local)
	w.store.Purge(w.now, int(local))
	switch {
	case p.holding == none:
		if w.store.PartitionStats(int(local)).Records > 0 && w.now-p.strayAt >= w.cfg.StrayPeriod && w.handover.othersHold(local) {
			w.partitions.becomeNone(local)
		}
	case p.holding == held && w.partitions.choose(local, [2]uint32{}) == w.cfg.Self:
		for _, h := range p.holders {
			if h.holding.serves() {
				w.comparer.compare(local, h.id)
			}
		}
	}
}
