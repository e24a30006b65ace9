package cluster

import "slices"

// coverage is who else has everything that is here of a partition. A member that leaves, or that holds what it does not own,
// must know that of its owners before it drops it. Two things say so: equal checksums, and the confirmation of a fetch that
// began at the first record. What was written since and not sent to them too ends both.
type coverage struct {
	covered []uint32 // members that have everything
	fetches []fetch  // by members that may be about to
	askedAt int64    // when others were last asked whether they do
}

// fetch is the fetching of a partition by another member, from its first record on.
type fetch struct {
	id    uint32
	tag   uint32 // of its pulls: another for each fetch of one process
	ended bool   // the last record has been sent
}

// has reports whether the member is known to have everything.
func (c *coverage) has(id uint32) bool { return slices.Contains(c.covered, id) }

// add notes that the member has everything.
func (c *coverage) add(id uint32) {
	if !c.has(id) {
		c.covered = append(c.covered, id)
	}
}

// reset forgets all, and keeps the memory.
func (c *coverage) reset() { c.covered, c.fetches, c.askedAt = c.covered[:0], c.fetches[:0], 0 }

// forget forgets all, and the memory.
func (c *coverage) forget() { c.covered, c.fetches = nil, nil }

// uncover forgets what a member is known to have.
func (c *coverage) uncover(id uint32) {
	c.covered = slices.DeleteFunc(c.covered, func(covered uint32) bool { return covered == id })
	c.fetches = slices.DeleteFunc(c.fetches, func(f fetch) bool { return f.id == id })
}

// matters reports whether anybody is known to have everything, or may be soon.
func (c *coverage) matters() bool { return len(c.covered)+len(c.fetches) > 0 }

// wrote notes that something was written that came from one member and was sent to others: only they may be known to have
// it. Those it was sent to confirm it to the member that ordered it, before that counts on the copy here.
func (c *coverage) wrote(from uint32, sentTo []byte) {
	lacks := func(id uint32) bool { return id != from && !listed(sentTo, id) }
	c.covered = slices.DeleteFunc(c.covered, lacks)
	c.fetches = slices.DeleteFunc(c.fetches, func(f fetch) bool { return lacks(f.id) })
}

// sending notes that the member is about to be sent everything.
func (c *coverage) sending(id, tag uint32) {
	c.fetches = slices.DeleteFunc(c.fetches, func(f fetch) bool { return f.id == id })
	c.fetches = append(c.fetches, fetch{id: id, tag: tag})
}

// sentAll notes that the member has been sent the last record, and reports whether it is to confirm that it has all.
func (c *coverage) sentAll(id, tag uint32) (tell bool) {
	for i := range c.fetches {
		if f := &c.fetches[i]; f.id == id && f.tag == tag {
			f.ended = true
			return true
		}
	}
	return false
}

// fetched reports whether the member has been sent all by these pulls.
func (c *coverage) fetched(id, tag uint32) bool {
	return slices.Contains(c.fetches, fetch{id: id, tag: tag, ended: true})
}
