package cluster

import "slices"

// A member that leaves, or that holds what it does not own, must know that others have all that is here before it drops
// it: they are covered. Two things say so: equal checksums, and the confirmation of a fetch that began at the first record.
// What was written since and not sent to them too ends both.

// coverPeriod is how often the owners of a partition are asked whether they have everything that is here, ms.
const coverPeriod = 200

// fetch is the fetching of a partition by another member, from its first record on.
type fetch struct {
	id    uint32
	tag   uint32 // of its pulls: another for each fetch of one process
	ended bool   // the last record has been sent
}

// cover reports whether the keepers have everything that is here. Those that may not are asked.
func (c *Core) cover(local int32, keepers []uint32) bool {
	p := &c.parts[local]
	ask := c.now-p.coverAt >= coverPeriod
	covered := true
	for _, id := range keepers {
		if slices.Contains(p.covered, id) {
			continue
		}
		covered = false
		if ask {
			p.coverAt = c.now
			c.covers.add(check{local: local, peer: id})
		}
	}
	return covered
}

// wantsCover reports whether it matters who else has what is here.
func (p *part) wantsCover() bool { return p.holding == leaving || p.holding == none && p.strayAt > 0 }

// cover notes that the member has everything that is here.
func (p *part) cover(id uint32) {
	if p.wantsCover() && !slices.Contains(p.covered, id) {
		p.covered = append(p.covered, id)
	}
}

// uncover forgets what a member is known to have.
func (p *part) uncover(id uint32) {
	p.covered = slices.DeleteFunc(p.covered, func(covered uint32) bool { return covered == id })
	p.fetches = slices.DeleteFunc(p.fetches, func(f fetch) bool { return f.id == id })
}

// wrote notes that something was written that came from one member and was sent to others: only they may be known to have
// it. Those it was sent to confirm it to the member that ordered it, before that counts on the copy here.
func (p *part) wrote(from uint32, sentTo []byte) {
	lacks := func(id uint32) bool { return id != from && !listed(sentTo, id) }
	p.covered = slices.DeleteFunc(p.covered, lacks)
	p.fetches = slices.DeleteFunc(p.fetches, func(f fetch) bool { return lacks(f.id) })
}

// sending notes that the member is about to be sent the records from the cursor on.
func (p *part) sending(id, tag, cursor uint32) {
	if cursor == 0 && p.wantsCover() {
		p.fetches = slices.DeleteFunc(p.fetches, func(f fetch) bool { return f.id == id })
		p.fetches = append(p.fetches, fetch{id: id, tag: tag})
	}
}

// sentAll notes that the member has been sent the last record, and reports whether it is to confirm that it has all.
func (p *part) sentAll(id, tag uint32) (tell bool) {
	for i := range p.fetches {
		if f := &p.fetches[i]; f.id == id && f.tag == tag {
			f.ended = true
			return true
		}
	}
	return false
}

// tellFetched confirms that everything is here that the pulls of a member brought.
func (c *Core) tellFetched(to uint32, pulls []pull, e *Effects) {
	if len(pulls) == 0 {
		return
	}
	start := c.begin(e, kindFetched)
	e.u16(uint16(len(pulls)))
	for _, w := range pulls {
		e.u32(uint32(c.global(w.local)))
		e.u32(w.tag)
	}
	e.send(to, start)
}

// onFetched takes a member's word that all of what it fetched is there.
func (c *Core) onFetched(p *peer, r *reader, e *Effects) bool {
	n := r.count(int(r.u16()), 8)
	for range n {
		number, tag := r.u32(), r.u32()
		local, ok := c.local(number)
		if !ok {
			return false
		}
		part := &c.parts[local]
		if slices.Contains(part.fetches, fetch{id: p.id, tag: tag, ended: true}) {
			part.cover(p.id)
		}
	}
	if r.bad {
		return false
	}
	c.advance(e)
	return true
}
