package cluster

import (
	"slices"

	"github.com/sipring/sipring/proxy/location"
)

// Register starts an op. The AOR must belong to this core: View.Partition(AOR) % Cores.
func (c *Core) Register(now int64, op *RegisterOp, e *Effects) {
	c.at(now)
	c.stats.Registers++
	if !op.Update.Valid() {
		c.finishRegister(op, location.StatusBadRequest, location.Record{}, e)
		return
	}
	hash, local, ok := c.partitions.place(op.Update.AOR)
	if !ok {
		c.refuseRegister(op, e)
		return
	}
	c.forward(op, hash, local, c.now, e)
	c.finish(e)
}

func (c *Core) refuseRegister(op *RegisterOp, e *Effects) {
	c.stats.RefusedOps++
	c.finishRegister(op, location.StatusUnavailable, location.Record{}, e)
}

// forward brings an op of this member to the member that orders it, which may be this one.
func (c *Core) forward(op *RegisterOp, hash uint64, local int32, started int64, e *Effects) {
	id := c.partitions.choose(local, [2]uint32{})
	if id == c.cfg.Self {
		c.order(order{update: &op.Update, hash: hash, local: local, started: started, register: op}, e)
		return
	}
	o := c.ops.add(opForward, local, hash, started)
	if o == nil {
		c.refuseRegister(op, e)
		return
	}
	o.register = op
	c.ask(o, 0, id, e)
}

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

// order applies an update and sends it to everyone who holds the partition.
func (c *Core) order(w order, e *Effects) {
	c.scratch.targets = c.partitions.targets(c.scratch.targets[:0], w.local)
	res := c.store.Apply(c.now, int(w.local), w.hash, w.update, c.limits(w.local, c.scratch.targets), c.clock(), c.cfg.Self)
	record := c.store.Get(int(w.local), w.update.AOR)
	if res.Changed {
		c.absences.pass(w.local, nil)
	}
	c.budget.countRefusal(res.Status)
	// A retransmission changes nothing, but what it repeats may not be with the others yet: it goes to them again.
	if res.Status != location.StatusOK || w.update.Fetch() || record.IsZero() || len(c.scratch.targets) == 0 {
		c.answer(w, res.Status, record, e)
		return
	}
	o := c.ops.add(opWrite, w.local, w.hash, w.started)
	if o == nil {
		c.stats.RefusedOps++
		c.answer(w, location.StatusUnavailable, location.Record{}, e)
		return
	}
	o.register, o.edge, o.edgeOp = w.register, w.edge, w.edgeOp
	o.aor = append(o.aor, w.update.AOR...)
	o.callID, o.cseq, o.stamp = append(o.callID, w.update.CallID...), w.update.CSeq, res.Stamp
	if !res.Changed {
		o.stamp = record.WrittenBy(w.update.CallID, w.update.CSeq)
	}
	c.partitions.at(w.local).writes++
	start := c.beginReplicate(e, o.id, w.local, c.scratch.targets)
	if res.Changed {
		e.buf = location.AppendDelta(e.buf, record, c.now, res.Stamp)
	} else {
		e.record(record, c.now)
	}
	for _, id := range c.scratch.targets {
		o.copies = append(o.copies, copyState{id: id})
		e.send(id, start)
	}
}

// limits are those under which an update is ordered now.
func (c *Core) limits(local int32, targets []uint32) location.Limits {
	limits := c.cfg.Limits
	limits.Room, limits.Budget = c.budget.roomAt(targets), c.cfg.Budget
	limits.Untold = len(c.view.Suspects) > 0 || c.partitions.at(local).alone || !c.budget.tells()
	return limits
}

// answer ends an update that was ordered here.
func (c *Core) answer(w order, status int, record location.Record, e *Effects) {
	switch {
	case w.register != nil:
		c.finishRegister(w.register, status, record, e)
	case w.edge != 0:
		start := c.begin(e, kindRegistered)
		e.u64(w.edgeOp)
		e.u16(uint16(status))
		e.record(record, c.now)
		e.send(w.edge, start)
	}
}

func (c *Core) beginReplicate(e *Effects, id uint64, local int32, targets []uint32) int {
	start := c.begin(e, kindReplicate)
	e.u64(id)
	e.u32(uint32(c.global(local)))
	e.u16(uint16(len(targets)))
	for _, t := range targets {
		e.u32(t)
	}
	return start
}

func (e *Effects) record(r location.Record, now int64) {
	e.buf = location.AppendRecord(e.buf, r, now)
}

// onRegister orders an update for another member.
func (c *Core) onRegister(p *peer, r *reader, e *Effects) bool {
	edgeOp, number := r.u64(), r.u32()
	u := &c.scratch.update
	r.update(u)
	hash, local, ok := c.partitions.place(u.AOR)
	if r.bad || !ok || uint32(c.global(local)) != number {
		return false
	}
	w := order{update: u, hash: hash, local: local, started: c.now, edge: p.id, edgeOp: edgeOp}
	if c.partitions.serves(local) {
		c.order(w, e)
	} else {
		c.answer(w, 0, location.Record{}, e)
	}
	return true
}

// onRegistered takes the answer to an update that was forwarded.
func (c *Core) onRegistered(p *peer, r *reader, e *Effects) bool {
	o := c.ops.find(r.u64())
	status := int(r.u16())
	record, rest, err := c.readRecord(r.b)
	if r.bad || err != nil || len(rest) > 0 {
		return false
	}
	if o == nil || o.kind != opForward || !o.asks(p.id) {
		return true
	}
	if status == 0 {
		c.refused(o, p.id, e)
		return true
	}
	op := o.register
	c.ops.remove(o)
	c.finishRegister(op, status, record, e)
	return true
}

// onReplicate merges another member's update and confirms it. Holders that it does not know of, and we do, get it from
// here: between the two there is no stream.
func (c *Core) onReplicate(p *peer, r *reader, e *Effects) bool {
	id, number := r.u64(), r.u32()
	sentTo := r.take(4 * int(r.u16()))
	local, ok := c.partitions.local(number)
	record, rest, err := c.readRecord(r.b)
	if r.bad || !ok || err != nil || len(rest) > 0 {
		return false
	}
	changed := false
	if !record.IsZero() {
		hash, partition := c.view.Place(record.AOR())
		if partition != int(number) {
			return false
		}
		changed = c.partitions.merge(local, hash, record, p.id, sentTo)
	}
	if id != 0 {
		won := changed && record.Single() // so nothing has won over it, as for nearly every update
		c.confirm(p.id, id, local, record, won, e)
	}
	if changed {
		c.absences.pass(local, sentTo)
	}
	if changed {
		c.relay(local, p.id, sentTo, record, e)
	}
	return true
}

// relay passes an update on to the holders that it was not sent to.
func (c *Core) relay(local int32, from uint32, sentTo []byte, record location.Record, e *Effects) {
	targets := c.partitions.targets(c.scratch.targets[:0], local)
	c.scratch.targets = targets
	missed := slices.ContainsFunc(targets, func(id uint32) bool { return id != from && !listed(sentTo, id) })
	if !missed {
		return
	}
	known := slices.Clone(targets) // whoever gets it from here need not send it to these
	for b := sentTo; len(b) >= 4; b = b[4:] {
		known = append(known, le.Uint32(b))
	}
	start := c.beginReplicate(e, 0, local, append(known, from))
	e.record(record, c.now)
	for _, id := range targets {
		if id != from && !listed(sentTo, id) {
			c.stats.Relayed++
			e.send(id, start)
		}
	}
}

func listed(ids []byte, id uint32) bool {
	for ; len(ids) >= 4; ids = ids[4:] {
		if le.Uint32(ids) == id {
			return true
		}
	}
	return false
}

// retarget brings the list of holders of an update under way up to date. again is a peer to which it is sent again if
// it has not confirmed: what was sent before may be lost.
func (c *Core) retarget(o *op, again uint32, e *Effects) {
	kept := o.copies[:0]
	for _, s := range o.copies {
		if c.peers.find(s.id) != nil {
			kept = append(kept, s)
		} else {
			o.passed = o.passed || !s.stored
		}
	}
	o.copies = kept
	targets := c.partitions.targets(c.scratch.targets[:0], o.local)
	c.scratch.targets = targets
	start := -1
	for _, id := range targets {
		s := o.copyOf(id)
		switch {
		case s == nil:
			o.copies = append(o.copies, copyState{id: id})
		case s.stored || id != again:
			continue
		}
		if start < 0 {
			start = c.beginReplicate(e, o.id, o.local, targets)
			e.record(c.store.Get(int(o.local), o.aor), c.now)
		}
		e.send(id, start)
	}
	c.tryComplete(o, e)
}
