package cluster

// What this member has of a partition goes
//
//	none -> filling -> held <-> leaving -> none
//
// and back from held or leaving to filling, where what is held may lack something, and from filling to none, where it is
// owned no more before it has been held.

// become changes what this member has of a partition. It is announced at the end of the step.
func (t *partitions) become(local int32, h holding) {
	p := t.at(local)
	if p.holding == h {
		return
	}
	t.counts[p.holding]--
	t.counts[h]++
	p.holding = h
	p.served = p.served || h.serves()
	p.coverage.reset()
	if h != filling {
		p.fill, p.kept = nil, false
		if p.demoted {
			p.demoted = false
			t.demoted--
		}
	}
	t.announce(local)
}

// becomeFilling: everything acknowledged before is to be fetched, as f says.
func (t *partitions) becomeFilling(local int32, f *fill) {
	t.become(local, filling)
	t.at(local).fill = f
}

// becomeFillingAgain: so is it of a partition that is served. What is here is needed, whoever owns it meanwhile.
func (t *partitions) becomeFillingAgain(local int32, f *fill) {
	t.at(local).kept = true
	t.becomeFilling(local, f)
}

// becomeDemoted: so is it of one that was concluded alone, or by the first of all, since a member has come that may know better.
func (t *partitions) becomeDemoted(local int32, f *fill) {
	p := t.at(local)
	p.alone, p.first, p.demoted = false, false, true
	t.demoted++
	t.becomeFillingAgain(local, f)
}

// becomeFilled: everything acknowledged is here; alone: as far as those who could be asked know.
func (t *partitions) becomeFilled(local int32, alone bool) {
	t.at(local).alone = alone
	t.becomeHeld(local)
	if !t.owned(local) {
		t.becomeLeaving(local)
	}
}

// becomeHeld: this member owns what is here.
func (t *partitions) becomeHeld(local int32) { t.become(local, held) }

// becomeLeaving: others own what is here.
func (t *partitions) becomeLeaving(local int32) { t.become(local, leaving) }

// becomeUnfilled: what was to be fetched is not needed any more. Updates that came meanwhile stay, as strays.
func (t *partitions) becomeUnfilled(local int32) {
	t.at(local).strayAt = t.now
	t.become(local, none)
}

// becomeNone: the records are dropped.
func (t *partitions) becomeNone(local int32) {
	if t.store.PartitionStats(int(local)).Records > 0 {
		t.dropped = t.now
	}
	t.store.Drop(int(local))
	p := t.at(local)
	p.strayAt, p.alone, p.first = 0, false, false
	p.coverage.forget()
	t.become(local, none)
}

// announce has a partition announced at the end of the step, whether it changed or not.
func (t *partitions) announce(local int32) {
	p := t.at(local)
	if next := t.announcements.next(); p.announced != next {
		p.announced = next
		t.announcements.add(local)
	}
}
