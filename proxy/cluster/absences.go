package cluster

import "slices"

// absence is a peer that this member took for dead, and what it may have missed since: it is told when it is met again as
// the process it was, because it may have lived all the time. Until then updates were acknowledged without it.
type absence struct {
	id          uint32
	incarnation uint64
	missed      []uint64 // bits by local number: partitions with updates that were not sent to it
}

func (a *absence) has(local int) bool {
	return a != nil && local/64 < len(a.missed) && a.missed[local/64]&(1<<(local%64)) != 0
}

// absences are those that are not over.
type absences struct {
	peers *peers
	list  []absence
}

// begin begins the absence of a peer, or goes on with one that it has not confirmed yet.
func (l *absences) begin(p *peer) {
	for i := range l.list {
		if a := &l.list[i]; a.id == p.id {
			if a.incarnation != p.incarnation {
				*a = absence{id: p.id, incarnation: p.incarnation}
			}
			return
		}
	}
	l.list = append(l.list, absence{id: p.id, incarnation: p.incarnation})
}

// end ends the absence of a peer that has confirmed an announcement: the first one on a stream tells it.
func (l *absences) end(id uint32) {
	l.list = slices.DeleteFunc(l.list, func(a absence) bool { return a.id == id })
}

// follow drops those of members that are published no more, and of processes that another has followed.
func (l *absences) follow(v *View) {
	l.list = slices.DeleteFunc(l.list, func(a absence) bool {
		m, published := v.Member(a.id)
		return !published || m.Liveness == Up && m.Incarnation != a.incarnation
	})
}

// pass notes that an update of the partition passes by those who are away, but for those that sentTo lists.
func (l *absences) pass(local int32, sentTo []byte) {
	for i := range l.list {
		a := &l.list[i]
		if l.peers.find(a.id) != nil || listed(sentTo, a.id) {
			continue
		}
		for int(local/64) >= len(a.missed) {
			a.missed = append(a.missed, 0)
		}
		a.missed[local/64] |= 1 << (local % 64)
	}
}

// of returns what the peer is to be told, nil if nothing.
func (l *absences) of(id uint32) *absence {
	for i := range l.list {
		if l.list[i].id == id && l.list[i].missed != nil {
			return &l.list[i]
		}
	}
	return nil
}
