package cluster

import "github.com/sipring/sipring/proxy/location"

// order is an update to be ordered here, for this member's own op or another member's.
type order struct {
	update   *location.Update
	hash     uint64
	local    int32
	started  int64
	register *RegisterOp
	edge     uint32
	edgeOp   uint64
}

// orders are the updates that this member orders, its own and others', and those that others order.
type orders struct {
	*self
	announcements *announcements
	peers         *peers
	partitions    *partitions
	absences      *absences
	budget        *budget
	ops           *ops
	requests      *requests

	// memory for one step
	targets []uint32
	update  location.Update
}

// order applies an update and sends it to everyone who holds the partition.
func (x *orders) order(w order, e *Effects) {
	x.targets = x.partitions.targets(x.targets[:0], w.local)
	res := x.store.Apply(x.now, int(w.local), w.hash, w.update, x.limits(w.local, x.targets), x.clock(), x.cfg.Self)
	record := x.store.Get(int(w.local), w.update.AOR)
	if res.Changed {
		x.stored = true
		x.absences.pass(w.local, nil)
	}
	e.Replaced = append(e.Replaced, res.Replaced...)
	x.budget.countRefusal(res.Status)
	if !res.Changed && !repeats(w.update, res.Status) || record.IsZero() || len(x.targets) == 0 {
		x.answer(w, res.Status, record, e)
		return
	}
	o := x.ops.add(opWrite, w.local, w.hash, w.started)
	if o == nil {
		x.stats.RefusedOps++
		x.answer(w, location.StatusUnavailable, location.Record{}, e)
		return
	}
	o.register, o.edge, o.edgeOp = w.register, w.edge, w.edgeOp
	o.status, o.proved = res.Status, res.Changed && w.update.Proof != (location.Proof{})
	o.aor = append(o.aor, w.update.AOR...)
	o.callID, o.cseq, o.stamp = append(o.callID, w.update.CallID...), w.update.CSeq, res.Stamp
	if !res.Changed {
		o.stamp = record.WrittenBy(w.update.CallID, w.update.CSeq)
	}
	x.partitions.at(w.local).writes++
	start := x.beginReplicate(e, o.id, w.local, x.targets)
	if res.Changed {
		e.buf = location.AppendDelta(e.buf, record, x.now, res.Stamp)
	} else {
		e.record(record, x.now)
	}
	for _, id := range x.targets {
		o.copies = append(o.copies, copyState{id: id})
		e.send(id, start)
	}
}

// repeats reports whether an update that changed nothing is a retransmission of one that did: what that wrote may not be with
// the others yet, so it goes to them again. A fetch writes what it proved.
func repeats(u *location.Update, status int) bool {
	return status == location.StatusOK && (!u.Fetch() || u.Proof != (location.Proof{}))
}

// limits are those under which an update is ordered now.
func (x *orders) limits(local int32, targets []uint32) location.Limits {
	limits := x.cfg.Limits
	limits.Room, limits.Budget = x.budget.roomAt(targets), x.cfg.Budget
	limits.Untold = len(x.view.Suspects) > 0 || x.partitions.at(local).alone || !x.budget.tells()
	return limits
}

// answer ends an update that was ordered here.
func (x *orders) answer(w order, status int, record location.Record, e *Effects) {
	switch {
	case w.register != nil:
		x.finishRegister(w.register, status, record, e)
	case w.edge != 0:
		start := x.begin(e, kindRegistered)
		e.u64(w.edgeOp)
		e.u16(uint16(status))
		e.record(record, x.now)
		e.send(w.edge, start)
	}
}

func (x *orders) beginReplicate(e *Effects, id uint64, local int32, targets []uint32) int {
	start := x.begin(e, kindReplicate)
	e.u64(id)
	e.u32(uint32(x.global(local)))
	e.u16(uint16(len(targets)))
	for _, t := range targets {
		e.u32(t)
	}
	return start
}

// onRegister orders an update for another member.
func (x *orders) onRegister(p *peer, r *reader, e *Effects) bool {
	edgeOp, number := r.u64(), r.u32()
	u := &x.update
	r.update(u)
	hash, local, ok := x.partitions.place(u.AOR)
	if r.bad || !ok || uint32(x.global(local)) != number {
		return false
	}
	w := order{update: u, hash: hash, local: local, started: x.now, edge: p.id, edgeOp: edgeOp}
	if x.partitions.serves(local) {
		x.order(w, e)
	} else {
		x.answer(w, statusNotHeld, location.Record{}, e)
	}
	return true
}
