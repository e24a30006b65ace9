package cluster

import "slices"

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

// syncer fetches partitions until they are held.
type syncer struct {
	*self
	peers      *peers
	partitions *partitions
	snapshots  *snapshots

	fills []int32 // partitions being filled
}

// pending is how many partitions are being filled.
func (y *syncer) pending() int { return len(y.fills) }

// restart begins a fill again, keeping what it has brought. Answers on their way no longer count.
func (y *syncer) restart(f *fill) {
	f.phase, f.rounds, f.sources, f.tag = fillAnnounced, 0, f.sources[:0], y.snapshots.tag()
}

// start begins to fetch a partition.
func (y *syncer) start(local int32) { y.begin(local, y.partitions.becomeFilling) }

// begin begins to fetch a partition, which becomes filling by one of the ways to that.
func (y *syncer) begin(local int32, become func(int32, *fill)) {
	f := &fill{}
	become(local, f)
	y.restart(f)
	y.fills = append(y.fills, local)
}

// advance moves every fill on as far as it goes. All peers have confirmed the announcement noted.
func (y *syncer) advance(noted uint32) {
	y.fills = slices.DeleteFunc(y.fills, func(local int32) bool {
		p := y.partitions.at(local)
		if p.holding == filling {
			y.step(local, p, noted)
		}
		return p.holding != filling
	})
}

// step moves one fill on.
func (y *syncer) step(local int32, p *partition, noted uint32) {
	f := p.fill
	if f.phase == fillAnnounced {
		if noted < p.announced || y.view.Pending {
			return
		}
		switch id := y.sourceOf(local); {
		case id != 0:
			f.phase = fillFromOne
			f.sources = append(f.sources[:0], source{id: id})
		case y.view.Isolated:
			return
		case f.rounds == 0 && len(*y.peers) > 0:
			f.rounds++
			y.partitions.announce(local)
			return
		default:
			f.phase = fillFromAll
			f.sources = f.sources[:0]
			for _, peer := range *y.peers {
				f.sources = append(f.sources, source{id: peer.id})
			}
		}
	}
	finished := true
	for i := range f.sources {
		s := &f.sources[i]
		if !s.done {
			finished = false
			y.snapshots.want(s, local, f.tag)
		}
	}
	if finished && noted >= p.announced && !y.view.Pending {
		y.filled(local, p)
	}
}

// filled ends a fill.
func (y *syncer) filled(local int32, p *partition) {
	y.stats.Filled++
	alone := p.fill.phase == fillFromAll && len(y.view.Suspects) > 0
	if alone {
		y.stats.FilledAlone++
	}
	y.countLoss(local, p)
	p.first = p.fill.phase == fillFromAll && len(p.fill.sources) == 0
	y.partitions.becomeFilled(local, alone)
}

// countLoss counts a partition whose every copy is gone: it was served, not here, and is by nobody any more.
func (y *syncer) countLoss(local int32, p *partition) {
	home, _ := y.view.Ring.Home(y.global(local))
	if p.fill.phase == fillFromAll && p.served && !p.kept && home == y.cfg.Self {
		y.stats.LostPartitions++
		y.stats.LostBindings += y.partitions.meanBindings()
	}
}

// sourceOf returns a member that holds everything of a partition, 0 if there is none. Different members choose
// different ones, so that not all fetch from the home.
func (y *syncer) sourceOf(local int32) uint32 {
	holders := y.partitions.at(local).holders
	if f := y.partitions.at(local).fill; f.prefer != 0 && y.partitions.at(local).holdingOf(f.prefer).serves() {
		return f.prefer
	}
	for i := range holders {
		h := holders[(i+int(y.cfg.Self)+int(local))%len(holders)]
		if h.holding.serves() {
			return h.id
		}
	}
	return 0
}

// unask forgets what the member was asked for: it is gone or its stream is a new one.
func (y *syncer) unask(id uint32, up bool) {
	for _, local := range y.fills {
		f := y.partitions.at(local).fill
		if f == nil {
			continue
		}
		for i := range f.sources {
			if s := &f.sources[i]; s.id == id {
				s.asked = false
				s.done = s.done || !up && f.phase == fillFromAll
			}
		}
		y.lostSource(local, id, y.partitions.at(local).holdingOf(id))
	}
}

// lostSource begins a fill again if its one source holds the partition no longer.
func (y *syncer) lostSource(local int32, id uint32, h holding) {
	f := y.partitions.at(local).fill
	if f != nil && f.phase == fillFromOne && f.sources[0].id == id && !h.serves() {
		y.restart(f)
	}
}

// answered takes the answer of a source, if it is one to a fill, and reports whether all that it has is here now.
func (y *syncer) answered(local int32, id uint32, a section) (all, ok bool) {
	f := y.partitions.at(local).fill
	if f == nil || f.tag != a.tag {
		return false, false
	}
	for i := range f.sources {
		if s := &f.sources[i]; s.id == id && s.asked {
			all = s.answered(a)
			if f.phase == fillFromOne && a.flags&sectionHeld == 0 {
				y.restart(f) // it has dropped the partition: others hold it
			}
			return all, true
		}
	}
	return false, false
}

// doubts reports whether anything is served that was concluded alone.
func (y *syncer) doubts() bool {
	for local := range int32(y.partitions.len()) {
		if y.partitions.at(local).inDoubt() {
			return true
		}
	}
	return false
}

// doubt takes back what was concluded alone: a member that may know better is there.
func (y *syncer) doubt() {
	for local := range int32(y.partitions.len()) {
		if y.partitions.at(local).inDoubt() {
			y.begin(local, y.partitions.becomeDemoted)
		}
	}
	y.askAnew(func(*fill) bool { return true })
}

// joined counts in a member that knows nothing: who has asked nobody is not alone any more.
func (y *syncer) joined() { y.askAnew(func(f *fill) bool { return len(f.sources) == 0 }) }

// askAnew begins those fills again that fetch what there is from all.
func (y *syncer) askAnew(which func(*fill) bool) {
	for _, local := range y.fills {
		if f := y.partitions.at(local).fill; f != nil && f.phase == fillFromAll && which(f) {
			y.restart(f)
			y.partitions.announce(local)
		}
	}
}

// missed fetches a partition anew, from a member that says that it may have acknowledged updates of it without this one, if
// that serves: another may not have been told yet.
func (y *syncer) missed(local int32, from uint32) {
	p := y.partitions.at(local)
	switch {
	case p.holding == filling:
		y.restart(p.fill)
		y.partitions.announce(local)
	case p.holding.serves():
		y.begin(local, y.partitions.becomeFillingAgain)
	default:
		return
	}
	p.fill.prefer = from
}
