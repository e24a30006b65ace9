package wire

import "slices"

// insert puts s where it belongs: by place, then rank, then after what is there.
func (e *Edit) insert(s splice) {
	i := len(e.splices)
	for i > 0 && before(&s, &e.splices[i-1]) {
		i--
	}
	e.insertAt(i, s)
}

// insertOnly inserts s in the place of what has its rank, which stands for one thing only.
func (e *Edit) insertOnly(s splice) {
	e.splices = slices.DeleteFunc(e.splices, func(old splice) bool { return old.rank == s.rank })
	e.insert(s)
}

func before(a, b *splice) bool {
	if a.at.Start != b.at.Start {
		return a.at.Start < b.at.Start
	}
	return a.rank < b.rank
}

func (e *Edit) insertAt(i int, s splice) {
	e.splices = slices.Insert(e.splices, i, s)
}

// replace puts text in the place of the bytes at. Changes inside give way; if the bytes are part of what is replaced
// already, nothing happens.
func (e *Edit) replace(at, text Span) {
	for i := range e.splices {
		if old := e.splices[i].at; old.Len() > 0 && old != at && old.contains(at) {
			return
		}
	}
	e.splices = slices.DeleteFunc(e.splices, func(s splice) bool { return givesWay(&s, at) })
	e.insert(splice{at: at, text: text, rank: rankReplace})
}

// givesWay reports whether a change lies inside at, so that replacing at undoes it. Header lines put in before at do not,
// and neither do those put in at its end, where the next line begins.
func givesWay(s *splice, at Span) bool {
	if s.rank < rankReplace {
		return s.at.Start > at.Start && s.at.Start < at.End
	}
	return at.contains(s.at)
}

// removed reports whether the byte at pos is replaced or removed.
func (e *Edit) removed(pos uint32) bool {
	for i := range e.splices {
		if at := e.splices[i].at; at.Start <= pos && pos < at.End {
			return true
		}
	}
	return false
}
