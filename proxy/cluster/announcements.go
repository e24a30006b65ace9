package cluster

// announcements counts what this member announces, and says which partitions are to be announced next. Each peer confirms
// them by number.
type announcements struct {
	peers  *peers
	last   uint32  // number of the last one
	unsure uint32  // the one that all peers are to confirm before this member serves again; 0: it serves
	due    []int32 // partitions to be announced with the next
}

// next is the number of the one to come, which ends this step if there is anything to announce.
func (a *announcements) next() uint32 { return a.last + 1 }

// add has a partition announced with the next.
func (a *announcements) add(local int32) { a.due = append(a.due, local) }

// take counts the next one, and returns the partitions to be announced with it. They are valid until the next add.
func (a *announcements) take() []int32 {
	a.last++
	due := a.due
	a.due = a.due[:0]
	return due
}

// empty reports whether no partition is to be announced.
func (a *announcements) empty() bool { return len(a.due) == 0 }

// askAll has this member serve nothing until every peer has confirmed that it still counts it in.
func (a *announcements) askAll() { a.unsure = a.next() }

// asks reports whether the next one is awaited by this member itself, so that it is to be made.
func (a *announcements) asks() bool { return a.unsure > a.last }

// sure reports whether every peer has confirmed that it still counts this member in.
func (a *announcements) sure() bool { return a.unsure == 0 || a.becomeSure() }

// becomeSure is sure where that was not so when it was last looked.
func (a *announcements) becomeSure() bool {
	if a.peers.noted() >= a.unsure {
		a.unsure = 0
	}
	return a.unsure == 0
}

// asked reports whether this member has asked all, as far as it has looked.
func (a *announcements) asked() bool { return a.unsure != 0 }

// owes reports whether the peer has still to confirm that it counts this member in.
func (a *announcements) owes(p *peer) bool { return a.unsure != 0 && p.noted < a.unsure }
