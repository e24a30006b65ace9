package cluster

// snapshots fetches the records of partitions from other members, chunk by chunk, and gives them what is here.
type snapshots struct {
	*self
	peers      *peers
	partitions *partitions

	tags uint32 // of fills and repairs, so that a late answer is known as such
}

// tag returns another tag.
func (x *snapshots) tag() uint32 {
	x.tags++
	return x.tags
}

// want asks the source for its next records if it has not been asked.
func (x *snapshots) want(s *source, local int32, tag uint32) {
	p := x.peers.find(s.id)
	if p == nil || s.asked || p.pulls.full() {
		return
	}
	s.asked = true
	p.pulls.add(pull{local: local, tag: tag, cursor: s.cursor})
}

// send sends what was wanted in this step.
func (x *snapshots) send(e *Effects) {
	for _, p := range *x.peers {
		if len(p.pulls.want) == 0 {
			continue
		}
		start := x.begin(e, kindPull)
		e.u16(uint16(len(p.pulls.want)))
		for _, w := range p.pulls.want {
			e.u32(uint32(x.global(w.local)))
			e.u32(w.tag)
			e.u32(w.cursor)
		}
		e.send(p.id, start)
		p.pulls.sent()
	}
}

// onPull answers with the records asked for, a chunk of each partition.
func (x *snapshots) onPull(p *peer, r *reader, e *Effects) bool {
	n := r.count(int(r.u16()), 12)
	if n > 2*maxPulls {
		return false
	}
	start, first := x.begin(e, kindSnapshot), true
	begun := start
	for range n {
		number, tag, cursor := r.u32(), r.u32(), r.u32()
		local, ok := x.partitions.local(number)
		if !ok {
			return false
		}
		if !first && len(e.buf)-start > chunkSize {
			e.send(p.id, start)
			start = x.begin(e, kindSnapshot)
		}
		first = false
		x.partitions.at(local).sending(p.id, tag, cursor)
		x.appendSection(p.id, local, tag, cursor, e)
	}
	if r.bad {
		return false
	}
	x.stats.SnapshotsSentBytes += uint64(len(e.buf) - begun)
	e.send(p.id, start)
	return true
}

// appendSection appends a chunk of a partition's records for a member.
func (x *snapshots) appendSection(to uint32, local int32, tag, cursor uint32, e *Effects) {
	head := len(e.buf)
	e.u32(uint32(x.global(local)))
	e.u32(tag)
	e.u8(0)
	e.u32(0)
	e.u32(0)
	first, flags, next := len(e.buf), uint8(sectionEnd), int(min(cursor, 1<<30))
	if x.partitions.serves(local) {
		flags |= sectionHeld
	}
	for {
		rec, after, ok := x.store.Next(int(local), next)
		if !ok {
			break
		}
		if len(e.buf)-first > chunkSize {
			flags &^= sectionEnd
			break
		}
		e.record(rec, x.now)
		next = after
	}
	if flags&sectionEnd != 0 && x.partitions.at(local).coverage.sentAll(to, tag) {
		flags |= sectionTell
	}
	e.buf[head+8] = flags
	le.PutUint32(e.buf[head+9:], uint32(next))
	le.PutUint32(e.buf[head+13:], uint32(len(e.buf)-first))
}

// mergeAll merges the records of one section and reports whether it could. One that is of no use is counted and passed
// over: the fill would wait for an answer without it for ever.
func (x *snapshots) mergeAll(from uint32, local int32, b []byte) (whole bool) {
	whole = true
	for len(b) > 0 {
		rec, rest, err := x.readRecord(b)
		b = rest
		hash, partition := x.view.Place(rec.AOR())
		if err != nil || rec.IsZero() || partition != x.global(local) {
			x.stats.RefusedRecords++
			whole = false
			continue
		}
		x.partitions.merge(local, hash, rec, from, nil)
	}
	return whole
}

// confirm confirms that everything is here that the pulls of a member brought.
func (x *snapshots) confirm(to uint32, pulls []pull, e *Effects) {
	if len(pulls) == 0 {
		return
	}
	start := x.begin(e, kindFetched)
	e.u16(uint16(len(pulls)))
	for _, w := range pulls {
		e.u32(uint32(x.global(w.local)))
		e.u32(w.tag)
	}
	e.send(to, start)
}
