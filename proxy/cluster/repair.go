package cluster

import (
	"cmp"
	"slices"
)

// repair is the fetching of a partition from a member that holds it too and has something else.
type repair struct {
	source
	local int32
	tag   uint32
}

// check is a partition to be compared with another member, or fetched from it.
type check struct {
	local int32
	peer  uint32
}

// checkQueue holds checks in order, each once: so many at the most as there are partitions and members.
type checkQueue struct {
	list   []check
	queued map[check]struct{}
}

func (q *checkQueue) add(k check) {
	if _, ok := q.queued[k]; ok {
		return
	}
	if q.queued == nil {
		q.queued = map[check]struct{}{}
	}
	q.queued[k] = struct{}{}
	q.list = append(q.list, k)
}

// take removes the first n, or what there is. The slice is valid until the next add.
func (q *checkQueue) take(n int) []check {
	taken := q.list[:min(n, len(q.list))]
	q.list = q.list[len(taken):]
	for _, k := range taken {
		delete(q.queued, k)
	}
	return taken
}

// sweep is the pass over all partitions that drops what has expired and compares what is left.
type sweep struct {
	last int64 // when it last moved
	owed int64 // parts times SweepPeriod
	next int
}

const (
	maxRepairs = 256  // under way
	maxChecks  = 128  // in one tick
	maxElapsed = 1000 // ms that one tick makes up for
)

// Busy reports whether something is under way that Tick moves on. If not, all that Tick does is to expire and to
// compare, pass by pass: then it may come at longer intervals, up to a second, without being late for anything.
func (c *Core) Busy() bool {
	return c.announcements.asked() || c.ops.used+len(c.fills)+len(c.repairs)+len(c.wanted.list)+len(c.checks.list)+len(c.covers.list)+c.partitions.count(leaving) > 0
}

// Tick is to be called every 10 to 20 ms while the core is Busy: timeouts, hedged reads, expiry, repair.
func (c *Core) Tick(now int64, e *Effects) {
	c.at(now)
	if c.view == nil {
		return
	}
	c.budget.short()
	c.ops.each(func(o *op) { c.tickOp(o, e) })
	elapsed := min(c.now-c.sweep.last, maxElapsed)
	c.sweep.last = c.now
	c.sweep.owed += elapsed * int64(c.partitions.len())
	for ; c.sweep.owed >= c.cfg.SweepPeriod && c.partitions.len() > 0; c.sweep.owed -= c.cfg.SweepPeriod {
		c.sweepPart(int32(c.sweep.next))
		c.sweep.next = (c.sweep.next + 1) % c.partitions.len()
	}
	c.sendChecks(e)
	c.advance(e)
	c.finish(e)
}

// sweepPart drops what has expired, and strays that their owners hold, and has the home compare with the others.
func (c *Core) sweepPart(local int32) {
	p := c.partitions.at(local)
	c.store.Purge(c.now, int(local))
	switch {
	case p.holding == none:
		if c.store.PartitionStats(int(local)).Records > 0 && c.now-p.strayAt >= c.cfg.StrayPeriod && c.othersHold(local) {
			c.partitions.becomeNone(local)
		}
	case p.holding == held && c.partitions.choose(local, [2]uint32{}) == c.cfg.Self:
		for _, h := range p.holders {
			if h.holding.serves() {
				c.checks.add(check{local: local, peer: h.id})
			}
		}
	}
}

// sendChecks sends the checksums that are due.
func (c *Core) sendChecks(e *Effects) {
	c.sendSome(c.checks.take(maxChecks), 0, e)
	c.sendSome(c.covers.take(maxChecks), digestCover, e)
}

func (c *Core) sendSome(due []check, flags uint8, e *Effects) {
	slices.SortStableFunc(due, func(a, b check) int { return cmp.Compare(a.peer, b.peer) })
	for len(due) > 0 {
		id := due[0].peer
		end := slices.IndexFunc(due, func(d check) bool { return d.peer != id })
		if end < 0 {
			end = len(due)
		}
		if c.peers.find(id) != nil {
			c.sendDigests(id, flags, due[:end], e)
		}
		due = due[end:]
	}
}

func (c *Core) sendDigests(to uint32, flags uint8, list []check, e *Effects) {
	start := c.begin(e, kindDigest)
	e.u8(flags)
	e.u16(uint16(len(list)))
	for _, d := range list {
		sum, n := c.store.Digest(c.now, int(d.local))
		e.u32(uint32(c.global(d.local)))
		e.u64(sum)
		e.u32(uint32(n))
	}
	e.send(to, start)
}

// onDigest compares. Where a partition differs each side fetches the other's.
func (c *Core) onDigest(p *peer, r *reader, e *Effects) bool {
	flags := r.u8()
	n := r.count(int(r.u16()), 16)
	if r.bad {
		return false
	}
	var answer []check
	for range n {
		number, sum, bindings := r.u32(), r.u64(), r.u32()
		local, ok := c.partitions.local(number)
		if !ok {
			return false
		}
		s, b := c.store.Digest(c.now, int(local))
		same := s == sum && b == int(bindings)
		switch serves := c.partitions.at(local).holding.serves(); {
		case same && flags&digestReply != 0:
			c.partitions.at(local).cover(p.id)
		case !serves:
			continue
		case !same:
			c.addRepair(local, p.id)
		}
		if !same || flags&digestCover != 0 {
			answer = append(answer, check{local: local, peer: p.id})
		}
	}
	if len(answer) > 0 && flags&digestReply == 0 {
		c.sendDigests(p.id, digestReply, answer, e)
	}
	c.advance(e)
	return true
}

func (c *Core) addRepair(local int32, id uint32) {
	if slices.ContainsFunc(c.repairs, func(r repair) bool { return r.local == local && r.id == id }) {
		return
	}
	c.wanted.add(check{local: local, peer: id})
}

// wantRepairs asks for what repairs need next, after the fills. Those for which there is no room wait: a difference is
// not forgotten.
func (c *Core) wantRepairs() {
	c.repairs = slices.DeleteFunc(c.repairs, func(r repair) bool { return r.done || c.peers.find(r.id) == nil })
	for _, w := range c.wanted.take(maxRepairs - len(c.repairs)) {
		if c.peers.find(w.peer) == nil {
			continue // they compare when it is back
		}
		c.stats.Repairs++
		c.tags++
		c.repairs = append(c.repairs, repair{source: source{id: w.peer}, local: w.local, tag: c.tags})
	}
	for i := range c.repairs {
		r := &c.repairs[i]
		c.want(&r.source, r.local, r.tag)
	}
}
