package cluster

import "github.com/sipring/sipring/proxy/location"

// confirm tells the member that ordered an update that it is stored here, and what has won over it if anything has. won
// says that nothing has.
func (c *Core) confirm(to uint32, id uint64, local int32, record location.Record, won bool, e *Effects) {
	var winner location.Record
	if !won && !record.IsZero() {
		if held := c.store.Get(int(local), record.AOR()); record.Outdone(held) {
			winner = held
		}
	}
	start := c.begin(e, kindStored)
	e.u64(id)
	e.record(winner, c.now)
	e.send(to, start)
}

// onStored takes a holder's confirmation.
func (c *Core) onStored(p *peer, r *reader, e *Effects) bool {
	o := c.ops.find(r.u64())
	winner, rest, err := c.readRecord(r.b)
	if r.bad || err != nil || len(rest) > 0 {
		return false
	}
	if o == nil || o.kind != opWrite {
		return true
	}
	if !winner.IsZero() && string(winner.AOR()) == string(o.aor) {
		c.partitions.merge(o.local, o.hash, winner, p.id, nil)
	}
	if s := o.copyOf(p.id); s != nil {
		s.stored = true
		c.tryComplete(o, e)
	}
	return true
}

// tryComplete answers an update once everyone who is to hold it does, and they are enough. A copy at a member that has
// dropped the partition meanwhile is none; nor is that of one that leaves, where it may rely on one that has not got it.
func (c *Core) tryComplete(o *op, e *Effects) {
	if !c.announcements.sure() {
		return // others may serve the partition that it does not know of
	}
	copies := 1
	for _, s := range o.copies {
		if !c.partitions.isTarget(o.local, s.id) {
			continue
		}
		if !s.stored {
			return
		}
		if c.keeps(o, s.id) {
			copies++
		}
	}
	if copies < c.view.Copies() {
		return
	}
	if c.isOutdone(o) {
		c.orderAgain(o, e)
		return
	}
	c.complete(o, location.StatusOK, e)
}

// keeps reports whether another member's copy of an update counts. One that leaves drops it, or has exited, without asking
// those to whom it was sent as well whether they have it: they confirm it here, unless they were given up since.
func (c *Core) keeps(o *op, id uint32) bool {
	h := c.partitions.at(o.local).holdingOf(id)
	return !o.passed || h == held || h == filling
}

// isOutdone reports whether what was confirmed is not what is here: an older update of the phone, which another member
// ordered at the same time, has the higher version, or this one has been ordered again meanwhile.
func (c *Core) isOutdone(o *op) bool {
	if o.stamp == (location.Version{}) {
		return false
	}
	record := c.store.Get(int(o.local), o.aor)
	v := record.WrittenBy(o.callID, o.cseq)
	return v != (location.Version{}) && v != o.stamp || record.Misordered(o.callID, o.cseq, o.stamp)
}

// orderAgain orders an update once more, above what has outdone it, as another op, for which no confirmation is under way.
// Another member's op is sent back: the update is there.
func (c *Core) orderAgain(o *op, e *Effects) {
	w := order{hash: o.hash, local: o.local, started: o.started, register: o.register, edge: o.edge, edgeOp: o.edgeOp}
	c.stats.OrderedAgain++
	c.partitions.at(o.local).writes--
	c.ops.remove(o)
	if w.register == nil {
		c.answer(w, 0, location.Record{}, e)
		return
	}
	c.forward(w.register, w.hash, w.local, w.started, e) // this member may not be one to order it any more
}

// complete ends an update ordered here.
func (c *Core) complete(o *op, status int, e *Effects) {
	c.absences.pass(o.local, nil)
	record := c.store.Get(int(o.local), o.aor)
	w := order{local: o.local, register: o.register, edge: o.edge, edgeOp: o.edgeOp}
	c.partitions.at(o.local).writes--
	c.ops.remove(o)
	c.answer(w, status, record, e)
}
