package location

import "bytes"

// Reordered returns what is to be merged after a and b, two copies of a record, because a merge of them puts a request last
// that came before another one of its Call-ID: who ordered it had not heard of that other. The state that the later request
// left is in it, directly above the earlier one's (RFC 3261 section 10.3 step 7). It is the zero Record, as nearly always,
// if there is no such pair. All who see both states make the same of them.
func Reordered(a, b Record) Record {
	return b.appendReordered(a, a.appendReordered(b, Record{}))
}

// appendReordered adds to the record to what is to be merged because of what is late in r.
func (r Record) appendReordered(by, to Record) Record {
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		for y, ys := by.entries(); y != nil; y, ys = nextEntry(ys) {
			if !e.lateAfter(y) {
				continue
			}
			newest := by.newestAbout(e)
			switch {
			case !e.lateAfter(newest): // y orders no more
			case e.marker():
				to = y.above(e).addTo(to, r.AOR())
			default:
				to = newest.above(e).addTo(to, r.AOR())
			}
		}
	}
	return to
}

// newestAbout returns the newest state in r of what e is about, of e's Call-ID. There must be one.
func (r Record) newestAbout(e entry) (newest entry) {
	for y, rest := r.entries(); y != nil; y, rest = nextEntry(rest) {
		if y.about(e) && (newest == nil || compareAge(y, newest) > 0) {
			newest = y
		}
	}
	return newest
}

// about reports whether a request that is about e is one about other too, and of the same Call-ID.
func (e entry) about(other entry) bool {
	return bytes.Equal(e.field(fieldCallID), other.field(fieldCallID)) &&
		(e.marker() || other.marker() || compareKeys(e, other) == 0)
}

// lateAfter reports whether e, which wins over other in a merge, is of a request that was sent before other's and came late.
// A phone that began anew with a lower CSeq sent none such: who ordered that knew what was there, so that is over for
// OrderFor, by the versions too, or the CSeq is none of those sent lately.
func (e entry) lateAfter(other entry) bool {
	if e.cseq() >= other.cseq() || compareAge(e, other) < 0 || e.version().Counter-other.version().Counter >= OrderFor ||
		e.version().Counter >= maxCounter || !e.about(other) {
		return false
	}
	late, b := e.view(), other.view()
	if late.CSeq == b.Removed.CSeq && differ(late.Fingerprint, b.Removed.Fingerprint) {
		return false
	}
	return b.mayBeLate(late.CSeq, late.period())
}

// above returns the state that e left of what late is about, to win over late. No member orders as node 0, so it is no other
// state's version.
func (e entry) above(late entry) *Binding {
	b, old := e.view(), late.view()
	if b.marker() && !old.marker() {
		b.Contact, b.Instance, b.RegID, b.Source = old.Contact, old.Instance, old.RegID, old.Source
		b.Removed = Request{CSeq: old.CSeq, Fingerprint: old.Fingerprint}
	}
	b.Version = Version{Counter: old.Version.Counter + 1}
	b.lingerUntil(old.copiesEnd())
	return &b
}

// addTo returns r, of the AOR, with b merged into it.
func (b *Binding) addTo(r Record, aor []byte) Record {
	return Record{appendMerge(nil, r, Record{appendBinding(appendAOR(nil, aor), b)})}
}
