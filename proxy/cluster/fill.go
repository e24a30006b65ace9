package cluster

import (
	"slices"
)

// fillPhase is how far the filling of a partition is. doc.go has the argument.
type fillPhase uint8

const (
	// fillAnnounced: waiting until every peer has confirmed that it sends us every update from now on.
	fillAnnounced fillPhase = iota
	// fillFromOne: fetching from a member that holds everything.
	fillFromOne
	// fillFromAll: nobody holds everything; fetching what there is from every peer.
	fillFromAll
)

// fill is the filling of one partition.
type fill struct {
	phase   fillPhase
	rounds  int // confirmed announcements after which nobody was found to hold the partition
	sources []source
	tag     uint32 // of the requests that count
	prefer  uint32 // whom to fetch from if it serves, 0 for anybody
}

// source is a member a fill fetches from.
type source struct {
	id     uint32
	cursor uint32
	asked  bool
	done   bool
	lacks  bool // something that it sent could not be read
}

// pull is a request for the records of a partition from a cursor on.
type pull struct {
	local  int32
	tag    uint32
	cursor uint32
}

// pullWindow are the requests of that kind to one peer: those that were sent and not answered, and those to be sent at the
// end of the step.
type pullWindow struct {
	asked int
	want  []pull
}

func (w *pullWindow) full() bool { return w.asked+len(w.want) >= maxPulls }

func (w *pullWindow) sent() { w.asked, w.want = w.asked+len(w.want), w.want[:0] }

func (w *pullWindow) answered() { w.asked = max(0, w.asked-1) }

func (w *pullWindow) reset() { w.asked, w.want = 0, w.want[:0] }

const (
	// maxPulls is the most partitions asked of one peer and not yet answered.
	maxPulls = 32
	// chunkSize bounds the records of a partition in one answer, bytes: it ends after the record that exceeds it.
	chunkSize = 32 << 10
)

// restart begins a fill again, keeping what it has brought. Answers on their way no longer count.
func (c *Core) restart(f *fill) {
	c.tags++
	f.phase, f.rounds, f.sources, f.tag = fillAnnounced, 0, f.sources[:0], c.tags
}

// startFill begins to fetch a partition.
func (c *Core) startFill(local int32) { c.fill(local, c.partitions.becomeFilling) }

func (c *Core) fill(local int32, become func(int32, *fill)) {
	f := &fill{}
	become(local, f)
	c.restart(f)
	c.fills = append(c.fills, local)
}

// advance moves every fill, repair and departure on as far as it goes.
func (c *Core) advance(e *Effects) {
	if c.view == nil {
		return
	}
	noted := c.peers.noted()
	c.fills = slices.DeleteFunc(c.fills, func(local int32) bool {
		p := c.partitions.at(local)
		if p.holding == filling {
			c.advanceFill(local, p, noted)
		}
		return p.holding != filling
	})
	if c.partitions.count(leaving) > 0 {
		for local := range int32(c.partitions.len()) {
			if c.partitions.at(local).holding == leaving {
				c.tryLeave(local, noted)
			}
		}
	}
	c.wantRepairs()
	c.sendPulls(e)
}

// advanceFill moves one fill on.
func (c *Core) advanceFill(local int32, p *partition, noted uint32) {
	f := p.fill
	if f.phase == fillAnnounced {
		if noted < p.announced || c.view.Pending {
			return
		}
		switch id := c.sourceOf(local); {
		case id != 0:
			f.phase = fillFromOne
			f.sources = append(f.sources[:0], source{id: id})
		case c.view.Isolated:
			return
		case f.rounds == 0 && len(c.peers) > 0:
			f.rounds++
			c.partitions.announce(local)
			return
		default:
			f.phase = fillFromAll
			f.sources = f.sources[:0]
			for _, peer := range c.peers {
				f.sources = append(f.sources, source{id: peer.id})
			}
		}
	}
	finished := true
	for i := range f.sources {
		s := &f.sources[i]
		if !s.done {
			finished = false
			c.want(s, local, f.tag)
		}
	}
	if finished && noted >= p.announced && !c.view.Pending {
		c.filled(local, p)
	}
}

// filled ends a fill.
func (c *Core) filled(local int32, p *partition) {
	c.stats.Filled++
	alone := p.fill.phase == fillFromAll && len(c.view.Suspects) > 0
	if alone {
		c.stats.FilledAlone++
	}
	c.partitions.becomeFilled(local, alone)
}

// sourceOf returns a member that holds everything of a partition, 0 if there is none. Different members choose
// different ones, so that not all fetch from the home.
func (c *Core) sourceOf(local int32) uint32 {
	holders := c.partitions.at(local).holders
	if f := c.partitions.at(local).fill; f.prefer != 0 && c.partitions.at(local).holdingOf(f.prefer).serves() {
		return f.prefer
	}
	for i := range holders {
		h := holders[(i+int(c.cfg.Self)+int(local))%len(holders)]
		if h.holding.serves() {
			return h.id
		}
	}
	return 0
}

// want asks the source for its next records if it has not been asked.
func (c *Core) want(s *source, local int32, tag uint32) {
	p := c.peers.find(s.id)
	if p == nil || s.asked || p.pulls.full() {
		return
	}
	s.asked = true
	p.pulls.want = append(p.pulls.want, pull{local: local, tag: tag, cursor: s.cursor})
}

// sendPulls sends what was wanted in this step.
func (c *Core) sendPulls(e *Effects) {
	for _, p := range c.peers {
		if len(p.pulls.want) == 0 {
			continue
		}
		start := c.begin(e, kindPull)
		e.u16(uint16(len(p.pulls.want)))
		for _, w := range p.pulls.want {
			e.u32(uint32(c.global(w.local)))
			e.u32(w.tag)
			e.u32(w.cursor)
		}
		e.send(p.id, start)
		p.pulls.sent()
	}
}

// unask forgets what the member was asked for: it is gone or its stream is a new one.
func (c *Core) unask(p *peer) {
	p.pulls.reset()
	id, up := p.id, c.view.Up(p.id)
	for _, local := range c.fills {
		f := c.partitions.at(local).fill
		if f == nil {
			continue
		}
		for i := range f.sources {
			if s := &f.sources[i]; s.id == id {
				s.asked = false
				s.done = s.done || !up && f.phase == fillFromAll
			}
		}
		c.lostSource(local, id, c.partitions.at(local).holdingOf(id))
	}
	for i := range c.repairs {
		if c.repairs[i].id == id {
			c.repairs[i].asked, c.repairs[i].done = false, !up
		}
	}
}

// lostSource begins a fill again if its one source holds the partition no longer.
func (c *Core) lostSource(local int32, id uint32, h holding) {
	f := c.partitions.at(local).fill
	if f != nil && f.phase == fillFromOne && f.sources[0].id == id && !h.serves() {
		c.restart(f)
	}
}

// onPull answers with the records asked for, a chunk of each partition.
func (c *Core) onPull(p *peer, r *reader, e *Effects) bool {
	n := r.count(int(r.u16()), 12)
	if n > 2*maxPulls {
		return false
	}
	start, first := c.begin(e, kindSnapshot), true
	begun := start
	for range n {
		number, tag, cursor := r.u32(), r.u32(), r.u32()
		local, ok := c.partitions.local(number)
		if !ok {
			return false
		}
		if !first && len(e.buf)-start > chunkSize {
			e.send(p.id, start)
			start = c.begin(e, kindSnapshot)
		}
		first = false
		c.partitions.at(local).sending(p.id, tag, cursor)
		c.appendSection(p.id, local, tag, cursor, e)
	}
	if r.bad {
		return false
	}
	c.stats.SnapshotsSentBytes += uint64(len(e.buf) - begun)
	e.send(p.id, start)
	return true
}

// appendSection appends a chunk of a partition's records for a member.
func (c *Core) appendSection(to uint32, local int32, tag, cursor uint32, e *Effects) {
	head := len(e.buf)
	e.u32(uint32(c.global(local)))
	e.u32(tag)
	e.u8(0)
	e.u32(0)
	e.u32(0)
	first, flags, next := len(e.buf), uint8(sectionEnd), int(min(cursor, 1<<30))
	if c.partitions.serves(local) {
		flags |= sectionHeld
	}
	for {
		rec, after, ok := c.store.Next(int(local), next)
		if !ok {
			break
		}
		if len(e.buf)-first > chunkSize {
			flags &^= sectionEnd
			break
		}
		e.record(rec, c.now)
		next = after
	}
	if flags&sectionEnd != 0 && c.partitions.at(local).sentAll(to, tag) {
		flags |= sectionTell
	}
	e.buf[head+8] = flags
	le.PutUint32(e.buf[head+9:], uint32(next))
	le.PutUint32(e.buf[head+13:], uint32(len(e.buf)-first))
}

// onSnapshot merges what a pull brought.
func (c *Core) onSnapshot(p *peer, r *reader, e *Effects) bool {
	c.stats.SnapshotsBytes += uint64(len(r.b))
	var told []pull // fetches to be confirmed
	for len(r.b) > 0 {
		number, tag, flags, next := r.u32(), r.u32(), r.u8(), r.u32()
		records := r.take(int(r.u32()))
		local, ok := c.partitions.local(number)
		if r.bad || !ok {
			return false
		}
		whole := c.mergeAll(p.id, local, records)
		p.pulls.answered()
		if c.fetched(local, p.id, section{tag, flags, next, whole}) && flags&sectionTell != 0 {
			told = append(told, pull{local: local, tag: tag})
		}
	}
	c.tellFetched(p.id, told, e)
	c.advance(e)
	return true
}

// section is what else the answer to a pull says.
type section struct {
	tag   uint32
	flags uint8
	next  uint32
	whole bool // every record of it could be read
}

// mergeAll merges the records of one section and reports whether it could. One that is of no use is counted and passed
// over: the fill would wait for an answer without it for ever.
func (c *Core) mergeAll(from uint32, local int32, b []byte) (whole bool) {
	whole = true
	for len(b) > 0 {
		rec, rest, err := c.readRecord(b)
		b = rest
		hash, partition := c.view.Place(rec.AOR())
		if err != nil || rec.IsZero() || partition != c.global(local) {
			c.stats.RefusedRecords++
			whole = false
			continue
		}
		c.partitions.merge(local, hash, rec, from, nil)
	}
	return whole
}

// fetched notes the answer of a source and reports whether all that it has is here now.
func (c *Core) fetched(local int32, id uint32, a section) (all bool) {
	p := c.partitions.at(local)
	if f := p.fill; f != nil && f.tag == a.tag {
		for i := range f.sources {
			if s := &f.sources[i]; s.id == id && s.asked {
				all = s.answered(a)
				if f.phase == fillFromOne && a.flags&sectionHeld == 0 {
					c.restart(f) // it has dropped the partition: others hold it
				}
				return all
			}
		}
	}
	for i := range c.repairs {
		if r := &c.repairs[i]; r.tag == a.tag && r.id == id && r.asked {
			return r.answered(a)
		}
	}
	return false
}

// answered takes the answer to what was asked and reports whether it was the last, and nothing is lacking.
func (s *source) answered(a section) bool {
	s.asked, s.cursor, s.done = false, a.next, a.flags&sectionEnd != 0
	s.lacks = s.lacks || !a.whole
	return s.done && !s.lacks
}
