package location

import "bytes"

// Single reports whether the record has one state of one binding and nothing else, as what one refresh changed has that
// proved nothing. If a merge of it changes anything, it has won.
func (r Record) Single() bool {
	e, rest := r.entries()
	return e != nil && len(rest) == 0 && r.proofBytes() == nil
}

// Outdone reports whether by has a state of one of r's bindings that wins over r's in a merge.
func (r Record) Outdone(by Record) bool {
	cut := by.cut()
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		other := by.find(e)
		if other != nil && compareAge(other, e) > 0 || !e.marker() && e.version().Compare(cut) < 0 {
			return true
		}
	}
	return false
}

// News reports whether r has a state of a binding, or something proved, that a merge into held would keep, and that is not
// there: the same with more time to live is none.
func (r Record) News(held Record) bool {
	if r.proofBytes() != nil && r.proofs().tell(held.proofs()) {
		return true
	}
	cut := held.cut()
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if !e.marker() && e.version().Compare(cut) < 0 {
			continue
		}
		if old := held.find(e); old == nil || e.version().Compare(old.version()) > 0 {
			return true
		}
	}
	return false
}

// WrittenBy returns the version of what the REGISTER of that Call-ID and CSeq wrote: the lowest, if it wrote several; zero
// if none is left.
func (r Record) WrittenBy(callID []byte, cseq uint32) Version {
	var lowest Version
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if e.cseq() != cseq || !bytes.Equal(e.field(fieldCallID), callID) {
			continue
		}
		if v := e.version(); lowest == (Version{}) || v.Compare(lowest) < 0 {
			lowest = v
		}
	}
	return lowest
}

// Misordered reports whether r has a binding that a REGISTER of the Call-ID with a lower CSeq wrote, at a version above
// stamp: members ordered the two at the same time, and the version has put the older one last.
func (r Record) Misordered(callID []byte, cseq uint32, stamp Version) bool {
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		if e.cseq() < cseq && e.version().Compare(stamp) > 0 && bytes.Equal(e.field(fieldCallID), callID) {
			return true
		}
	}
	return false
}
