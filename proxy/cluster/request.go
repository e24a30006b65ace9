package cluster

import "github.com/sipring/sipring/proxy/location"

// requests are the ops that this member was asked for, and that others were asked in turn.
type requests struct {
	*self
	peers      *peers
	partitions *partitions
	ops        *ops
	orders     *orders
}

// refuse answers an op for which there is no room, or no view.
func (q *requests) refuse(op *RegisterOp, e *Effects) {
	q.stats.RefusedOps++
	q.finishRegister(op, location.StatusUnavailable, location.Record{}, e)
}

// forward brings an op of this member to the member that orders it, which may be this one.
func (q *requests) forward(op *RegisterOp, hash uint64, local int32, started int64, e *Effects) {
	id := q.partitions.choose(local, [2]uint32{})
	if id == q.cfg.Self {
		q.orders.order(order{update: &op.Update, hash: hash, local: local, started: started, register: op}, e)
		return
	}
	o := q.ops.add(opForward, local, hash, started)
	if o == nil {
		q.refuse(op, e)
		return
	}
	o.register = op
	q.ask(o, 0, id, e)
}

// onRegistered takes the answer to an update that was forwarded.
func (q *requests) onRegistered(p *peer, r *reader, e *Effects) bool {
	o := q.ops.find(r.u64())
	status := int(r.u16())
	record, rest, err := q.readRecord(r.b)
	if r.bad || err != nil || len(rest) > 0 {
		return false
	}
	if o == nil || o.kind != opForward || !o.asks(p.id) {
		return true
	}
	if status == statusOutdone {
		o.register.Update.Proof = location.Proof{}
	}
	if status <= statusOutdone {
		q.refused(o, p.id, e)
		return true
	}
	op := o.register
	q.ops.remove(o)
	q.finishRegister(op, status, record, e)
	return true
}

// ask sends an op of this member to another; 0 leaves it waiting until someone holds the partition.
func (q *requests) ask(o *op, slot int, id uint32, e *Effects) {
	o.target[slot] = id
	if id == 0 {
		return
	}
	k := kindLookup
	if o.kind == opForward {
		k = kindRegister
	}
	start := q.begin(e, k)
	e.u64(o.id)
	e.u32(uint32(q.global(o.local)))
	if o.kind == opForward {
		e.update(&o.register.Update)
	} else {
		e.str(o.lookup.AOR)
	}
	e.send(id, start)
}

// refused notes that the member asked does not hold the partition, and asks another.
func (q *requests) refused(o *op, id uint32, e *Effects) {
	o.failed[1], o.failed[0] = o.failed[0], id
	for i := range o.target {
		if o.target[i] == id {
			o.target[i] = 0
		}
	}
	q.askAgain(o, e)
}

// askAgain brings an op that waits for nobody to a member that holds the partition, which may be this one by now.
func (q *requests) askAgain(o *op, e *Effects) {
	if o.target != [2]uint32{} {
		return
	}
	id := q.partitions.choose(o.local, o.failed)
	if o.kind == opLookup && q.partitions.serves(o.local) {
		id = q.cfg.Self
	}
	if id != q.cfg.Self {
		q.ask(o, 0, id, e)
		return
	}
	local, hash, started, register, lookup := o.local, o.hash, o.started, o.register, o.lookup
	kind := o.kind
	q.ops.remove(o)
	if kind == opLookup {
		q.finishLookup(lookup, true, q.store.Get(int(local), lookup.AOR), e)
		return
	}
	q.orders.order(order{update: &register.Update, hash: hash, local: local, started: started, register: register}, e)
}

// reconsider looks at an op after something changed. What was sent to the member again before may be lost.
func (q *requests) reconsider(o *op, again uint32, e *Effects) {
	o.failed = [2]uint32{}
	for i, id := range o.target {
		switch {
		case id == 0:
		case q.peers.find(id) == nil || !q.partitions.holdingAt(o.local, id).serves():
			o.target[i] = 0
		case id == again:
			q.ask(o, i, id, e)
		}
	}
	q.askAgain(o, e)
}

// expire fails what took too long and hedges slow reads.
func (q *requests) expire(o *op, e *Effects) {
	age := q.now - o.started
	switch {
	case age >= q.cfg.Timeout && o.kind == opForward:
		op := o.register
		q.ops.remove(o)
		q.finishRegister(op, location.StatusUnavailable, location.Record{}, e)
	case age >= q.cfg.Timeout:
		op := o.lookup
		q.ops.remove(o)
		q.finishLookup(op, false, location.Record{}, e)
	case o.target == [2]uint32{}:
		o.failed = [2]uint32{}
		q.askAgain(o, e)
	case o.kind == opLookup && !o.hedged && age >= q.cfg.HedgeAfter:
		o.hedged = true
		q.hedge(o, e)
	}
}

// hedge asks a second holder.
func (q *requests) hedge(o *op, e *Effects) {
	id := q.partitions.choose(o.local, [2]uint32{o.target[0], o.target[1]})
	if id != 0 && id != q.cfg.Self {
		q.stats.LookupsHedged++
		q.ask(o, 1, id, e)
	}
}
