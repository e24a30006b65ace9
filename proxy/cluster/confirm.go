package cluster

import "github.com/sipring/sipring/proxy/location"

// retarget brings the list of holders of an update under way up to date. again is a peer to which it is sent again if
// it has not confirmed: what was sent before may be lost.
func (x *orders) retarget(o *op, again uint32, e *Effects) {
	kept := o.copies[:0]
	for _, s := range o.copies {
		if x.peers.find(s.id) != nil {
			kept = append(kept, s)
		} else {
			o.passed = o.passed || !s.stored
		}
	}
	o.copies = kept
	targets := x.partitions.targets(x.targets[:0], o.local)
	x.targets = targets
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
			start = x.beginReplicate(e, o.id, o.local, targets)
			e.record(x.store.Get(int(o.local), o.aor), x.now)
		}
		e.send(id, start)
	}
	x.tryComplete(o, e)
}

// onStored takes a holder's confirmation.
func (x *orders) onStored(p *peer, r *reader, e *Effects) bool {
	o := x.ops.find(r.u64())
	winner, rest, err := x.readRecord(r.b)
	if r.bad || err != nil || len(rest) > 0 {
		return false
	}
	if o == nil || o.kind != opWrite {
		return true
	}
	if !winner.IsZero() && string(winner.AOR()) == string(o.aor) {
		x.partitions.merge(o.local, o.hash, winner, p.id, nil)
	}
	if s := o.copyOf(p.id); s != nil {
		s.stored = true
		x.tryComplete(o, e)
	}
	return true
}

// tryComplete answers an update once everyone who is to hold it does, and they are enough. A copy at a member that has
// dropped the partition meanwhile is none; nor is that of one that leaves, where it may rely on one that has not got it.
func (x *orders) tryComplete(o *op, e *Effects) {
	if !x.announcements.sure() {
		return // others may serve the partition that it does not know of
	}
	copies := 1
	for _, s := range o.copies {
		if !x.partitions.isTarget(o.local, s.id) {
			continue
		}
		if !s.stored {
			return
		}
		if x.keeps(o, s.id) {
			copies++
		}
	}
	if copies < x.view.Copies() {
		return
	}
	if x.isOutdone(o) {
		x.orderAgain(o, e)
		return
	}
	x.complete(o, o.status, e)
}

// keeps reports whether another member's copy of an update counts. One that leaves drops it, or has exited, without asking
// those to whom it was sent as well whether they have it: they confirm it here, unless they were given up since.
func (x *orders) keeps(o *op, id uint32) bool {
	h := x.partitions.at(o.local).holdingOf(id)
	return !o.passed || h == held || h == filling
}

// isOutdone reports whether what was confirmed is not what is here: an older update of the phone, which another member
// ordered at the same time, has the higher version, or this one has been ordered again meanwhile.
func (x *orders) isOutdone(o *op) bool {
	if o.stamp == (location.Version{}) {
		return false
	}
	record := x.store.Get(int(o.local), o.aor)
	v := record.WrittenBy(o.callID, o.cseq)
	return v != (location.Version{}) && v != o.stamp || record.Misordered(o.callID, o.cseq, o.stamp)
}

// orderAgain orders an update once more, above what has outdone it, as another op, for which no confirmation is under way.
// Another member's op is sent back: the update is there. It was proved before, and must not be taken for a replay of itself.
func (x *orders) orderAgain(o *op, e *Effects) {
	w := order{hash: o.hash, local: o.local, started: o.started, register: o.register, edge: o.edge, edgeOp: o.edgeOp}
	proved := o.proved
	x.stats.OrderedAgain++
	x.partitions.at(o.local).writes--
	x.ops.remove(o)
	switch {
	case w.register == nil && proved:
		x.answer(w, statusOutdone, location.Record{}, e)
		return
	case w.register == nil:
		x.answer(w, statusNotHeld, location.Record{}, e)
		return
	case proved:
		w.register.Update.Proof = location.Proof{}
	}
	x.requests.forward(w.register, w.hash, w.local, w.started, e) // this member may not be one to order it any more
}

// complete ends an update ordered here.
func (x *orders) complete(o *op, status int, e *Effects) {
	x.absences.pass(o.local, nil)
	record := x.store.Get(int(o.local), o.aor)
	w := order{local: o.local, register: o.register, edge: o.edge, edgeOp: o.edgeOp}
	x.partitions.at(o.local).writes--
	x.ops.remove(o)
	x.answer(w, status, record, e)
}

// expire fails an update that took too long.
func (x *orders) expire(o *op, e *Effects) {
	if x.now-o.started >= x.cfg.Timeout {
		x.complete(o, location.StatusUnavailable, e)
	}
}
