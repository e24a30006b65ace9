package cluster

import "github.com/sipring/sipring/proxy/location"

// Lookup starts an op. The AOR must belong to this core: View.Partition(AOR) % Cores.
func (c *Core) Lookup(now int64, op *LookupOp, e *Effects) {
	c.at(now)
	c.stats.Lookups++
	if len(op.AOR) > location.MaxAOR {
		c.finishLookup(op, true, location.Record{}, e) // too long to have been registered
		return
	}
	hash, local, ok := c.partitions.place(op.AOR)
	if !ok {
		c.stats.RefusedOps++
		c.finishLookup(op, false, location.Record{}, e)
		return
	}
	if c.partitions.serves(local) {
		c.stats.LookupsLocal++
		c.finishLookup(op, true, c.store.Get(int(local), op.AOR), e)
		return
	}
	o := c.ops.add(opLookup, local, hash, c.now)
	if o == nil {
		c.stats.RefusedOps++
		c.finishLookup(op, false, location.Record{}, e)
		return
	}
	o.lookup = op
	c.ask(o, 0, c.partitions.choose(local, [2]uint32{}), e)
	c.finish(e)
}

// onLookup answers another member's read.
func (c *Core) onLookup(p *peer, r *reader, e *Effects) bool {
	id, number := r.u64(), r.u32()
	aor := r.str()
	_, local, ok := c.partitions.place(aor)
	if r.bad || !ok || uint32(c.global(local)) != number {
		return false
	}
	start := c.begin(e, kindFound)
	e.u64(id)
	if c.partitions.serves(local) {
		e.u8(1)
		e.buf = location.AppendLive(e.buf, c.store.Get(int(local), aor), c.now)
	} else {
		e.u8(0)
		e.record(location.Record{}, c.now)
	}
	e.send(p.id, start)
	return true
}

// onFound takes the answer to a read.
func (c *Core) onFound(p *peer, r *reader, e *Effects) bool {
	o := c.ops.find(r.u64())
	ok := r.u8() == 1
	record, rest, err := c.readRecord(r.b)
	if r.bad || err != nil || len(rest) > 0 {
		return false
	}
	if o == nil || o.kind != opLookup || !o.asks(p.id) {
		return true
	}
	if !ok {
		c.refused(o, p.id, e)
		return true
	}
	op := o.lookup
	c.ops.remove(o)
	c.finishLookup(op, true, record, e)
	return true
}

// ask sends an op of this member to another; 0 leaves it waiting until someone holds the partition.
func (c *Core) ask(o *op, slot int, id uint32, e *Effects) {
	o.target[slot] = id
	if id == 0 {
		return
	}
	k := kindLookup
	if o.kind == opForward {
		k = kindRegister
	}
	start := c.begin(e, k)
	e.u64(o.id)
	e.u32(uint32(c.global(o.local)))
	if o.kind == opForward {
		e.update(&o.register.Update)
	} else {
		e.str(o.lookup.AOR)
	}
	e.send(id, start)
}

// refused notes that the member asked does not hold the partition, and asks another.
func (c *Core) refused(o *op, id uint32, e *Effects) {
	o.failed[1], o.failed[0] = o.failed[0], id
	for i := range o.target {
		if o.target[i] == id {
			o.target[i] = 0
		}
	}
	c.askAgain(o, e)
}

// askAgain brings an op that waits for nobody to a member that holds the partition, which may be this one by now.
func (c *Core) askAgain(o *op, e *Effects) {
	if o.target != [2]uint32{} {
		return
	}
	id := c.partitions.choose(o.local, o.failed)
	if o.kind == opLookup && c.partitions.serves(o.local) {
		id = c.cfg.Self
	}
	if id != c.cfg.Self {
		c.ask(o, 0, id, e)
		return
	}
	local, hash, started, register, lookup := o.local, o.hash, o.started, o.register, o.lookup
	kind := o.kind
	c.ops.remove(o)
	if kind == opLookup {
		c.finishLookup(lookup, true, c.store.Get(int(local), lookup.AOR), e)
		return
	}
	c.order(order{update: &register.Update, hash: hash, local: local, started: started, register: register}, e)
}

// redirect looks at every op under a new view.
func (c *Core) redirect(e *Effects) {
	c.ops.each(func(o *op) { c.reconsider(o, 0, false, e) })
}

// reconsider looks at an op after something changed. again: what was sent to the peer before may be lost.
func (c *Core) reconsider(o *op, peer uint32, again bool, e *Effects) {
	if !again {
		peer = 0
	}
	if o.kind == opWrite {
		c.retarget(o, peer, e)
		return
	}
	o.failed = [2]uint32{}
	for i, id := range o.target {
		switch {
		case id == 0:
		case c.peers.find(id) == nil || !c.partitions.holdingAt(o.local, id).serves():
			o.target[i] = 0
		case id == peer:
			c.ask(o, i, id, e)
		}
	}
	c.askAgain(o, e)
}

// tickOp fails what took too long and hedges slow reads.
func (c *Core) tickOp(o *op, e *Effects) {
	age := c.now - o.started
	switch {
	case age >= c.cfg.Timeout && o.kind == opWrite:
		c.complete(o, location.StatusUnavailable, e)
	case age >= c.cfg.Timeout && o.kind == opForward:
		op := o.register
		c.ops.remove(o)
		c.finishRegister(op, location.StatusUnavailable, location.Record{}, e)
	case age >= c.cfg.Timeout:
		op := o.lookup
		c.ops.remove(o)
		c.finishLookup(op, false, location.Record{}, e)
	case o.kind == opWrite:
	case o.target == [2]uint32{}:
		o.failed = [2]uint32{}
		c.askAgain(o, e)
	case o.kind == opLookup && !o.hedged && age >= c.cfg.HedgeAfter:
		o.hedged = true
		c.hedge(o, e)
	}
}

// hedge asks a second holder.
func (c *Core) hedge(o *op, e *Effects) {
	id := c.partitions.choose(o.local, [2]uint32{o.target[0], o.target[1]})
	if id != 0 && id != c.cfg.Self {
		c.stats.LookupsHedged++
		c.ask(o, 1, id, e)
	}
}
