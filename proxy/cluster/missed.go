package cluster

import "slices"

// absence is a peer that this member took for dead, and what it may have missed since: it is told when it is met again as
// the process it was, because it may have lived all the time. Until then updates were acknowledged without it.
type absence struct {
	id          uint32
	incarnation uint64
	missed      []uint64 // bits by local number: partitions with updates that were not sent to it
}

// partedFrom begins the absence of a peer, or goes on with one that it has not confirmed yet.
func (c *Core) partedFrom(p *peer) {
	for i := range c.absences {
		if a := &c.absences[i]; a.id == p.id {
			if a.incarnation != p.incarnation {
				*a = absence{id: p.id, incarnation: p.incarnation}
			}
			return
		}
	}
	c.absences = append(c.absences, absence{id: p.id, incarnation: p.incarnation})
}

// forgetAbsences drops those of members that are published no more, and of processes that another has followed.
func (c *Core) forgetAbsences() {
	c.absences = slices.DeleteFunc(c.absences, func(a absence) bool {
		m, published := c.view.Member(a.id)
		return !published || m.Liveness == Up && m.Incarnation != a.incarnation
	})
}

// missedBy notes that an update of the partition passes by those who are away, but for those that sentTo lists.
func (c *Core) missedBy(local int32, sentTo []byte) {
	for i := range c.absences {
		a := &c.absences[i]
		if c.peer(a.id) != nil || listed(sentTo, a.id) {
			continue
		}
		if a.missed == nil {
			a.missed = make([]uint64, (len(c.parts)+63)/64)
		}
		a.missed[local/64] |= 1 << (local % 64)
	}
}

func (a *absence) has(local int) bool {
	return a != nil && a.missed != nil && a.missed[local/64]&(1<<(local%64)) != 0
}

// absenceOf returns what the peer is to be told, nil if nothing.
func (c *Core) absenceOf(id uint32) *absence {
	for i := range c.absences {
		if c.absences[i].id == id && c.absences[i].missed != nil {
			return &c.absences[i]
		}
	}
	return nil
}

// confirmed ends the absence of a peer that has confirmed an announcement: the first one on a stream tells it.
func (c *Core) confirmed(p *peer) {
	c.absences = slices.DeleteFunc(c.absences, func(a absence) bool { return a.id == p.id })
}

// missed takes a peer's word that it may have acknowledged updates of a partition without this member. What is held is
// fetched anew, from that peer if it serves, because another may not have been told yet. Where each took the other for
// dead, as when the network was parted, neither knows better: both serve on, and compare.
func (c *Core) missed(p *peer, local int32) {
	part := &c.parts[local]
	m, _ := c.view.Member(p.id)
	switch {
	case part.holding == filling:
		c.restart(part.fill)
		c.reannounce(local)
	case part.holding.serves() && m.CameBack:
		c.addRepair(local, p.id)
		return
	case part.holding.serves():
		part.kept = true
		c.startFill(local)
	default:
		return
	}
	part.fill.prefer = p.id
}
