package cluster

import "github.com/sipring/sipring/proxy/location"

// announcer tells the peers what this member has of each partition, what they may have missed, and how much room there is.
type announcer struct {
	*self
	announcements *announcements
	peers         *peers
	partitions    *partitions
	absences      *absences
	budget        *budget

	toldRoom location.Room // what the peers have been told of it
}

// announce tells the peers which holdings changed in this step, and new peers all there is.
func (a *announcer) announce(e *Effects) {
	full, ask := a.anyFullDue(), a.announcements.asks()
	room := a.budget.level() != a.toldRoom
	if a.announcements.empty() && !full && !ask && !room {
		return
	}
	due := a.announcements.take()
	a.toldRoom = a.budget.level()
	if len(due) > 0 || ask || room {
		e.Changed = e.Changed || len(due) > 0
		start := a.begin(e, 0, len(due))
		for _, i := range due {
			e.u32(uint32(a.global(i)))
			e.u8(uint8(a.partitions.at(i).holding))
		}
		for _, p := range *a.peers {
			if !p.fullDue {
				e.send(p.id, start)
			}
		}
	}
	if full {
		a.announceAll(e)
	}
}

func (a *announcer) anyFullDue() bool {
	for _, p := range *a.peers {
		if p.fullDue {
			return true
		}
	}
	return false
}

// announceAll sends everything to the peers it is due to.
func (a *announcer) announceAll(e *Effects) {
	for _, want := range []bool{false, true} {
		start := -1
		for _, p := range *a.peers {
			if !p.fullDue || p.fullWant != want {
				continue
			}
			missed := a.absences.of(p.id)
			if start < 0 || missed != nil {
				start = a.encodeAll(e, want, missed)
			}
			e.send(p.id, start)
			if p.fullDue, p.fullWant = false, false; missed != nil {
				start = -1 // that was for this one alone
			}
		}
	}
}

// encodeAll writes every holding, and what the peer may have missed.
func (a *announcer) encodeAll(e *Effects, want bool, missed *absence) int {
	flags := uint8(statusFull)
	if want {
		flags |= statusWant
	}
	if !a.stored {
		flags |= statusBlank
	}
	start, count := a.begin(e, flags, 0), 0
	for i := range a.partitions.len() {
		h := uint8(a.partitions.at(int32(i)).holding)
		if missed.has(i) {
			h |= statusMissed
		}
		if h != 0 {
			e.u32(uint32(a.global(int32(i))))
			e.u8(h)
			count++
		}
	}
	le.PutUint32(e.buf[start+statusCountAt:], uint32(count))
	return start
}

// begin starts an announcement of so many partitions.
func (a *announcer) begin(e *Effects, flags uint8, count int) int {
	start := a.self.begin(e, kindStatus)
	e.u32(a.announcements.last)
	e.u64(a.clock())
	e.u8(flags | roomFlags(a.budget.level()))
	e.u32(uint32(count))
	return start
}
