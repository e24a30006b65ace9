package location

// appendMerge appends to dst the record that holds, of each binding in a or b, the state that wins: the higher Version, of
// equal versions the greater bytes, of equal bytes the later expiry; but nothing that is older than a marker of either; and
// what was proved to either. It is commutative, associative and idempotent. Both must be of the same AOR; the zero Record is neutral.
func appendMerge(dst []byte, a, b Record) []byte {
	switch {
	case a.IsZero():
		return append(dst, b.b...)
	case b.IsZero():
		return append(dst, a.b...)
	}
	proved, other := a.proofs(), b.proofs()
	proved.merge(&other)
	dst = appendHead(dst, a.AOR(), &proved)
	cut := a.cut()
	if c := b.cut(); c.Compare(cut) > 0 {
		cut = c
	}
	ea, ra := a.entries()
	eb, rb := b.entries()
	for ea != nil || eb != nil {
		order, wins := orderOf(ea, eb), eb
		if order < 0 || order == 0 && compareAge(ea, eb) >= 0 {
			wins = ea
		}
		if wins.marker() || wins.version().Compare(cut) >= 0 {
			dst = append(dst, wins...)
		}
		if order <= 0 {
			ea, ra = nextEntry(ra)
		}
		if order >= 0 {
			eb, rb = nextEntry(rb)
		}
	}
	return dst
}

// orderOf compares the keys of two entries; nil comes last.
func orderOf(a, b entry) int {
	switch {
	case b == nil:
		return -1
	case a == nil:
		return 1
	}
	return compareKeys(a, b)
}

// mergeInPlace merges b into a where that changes only heads, as a refresh does. It reports whether it could; if not, a
// is as it was.
func mergeInPlace(a, b Record) (ok, changed bool) {
	var proved proofs
	if b.proofBytes() != nil {
		proved = a.proofs()
		other := b.proofs()
		if proved.merge(&other); proved.size() != len(a.proofBytes()) {
			return false, false
		}
	}
	cut := a.cut()
	for e, rest := b.entries(); e != nil; e, rest = nextEntry(rest) {
		old := a.find(e)
		if old == nil || old.deleted() != e.deleted() || !sameStrings(old, e) || old.source() != e.source() || e.marker() && e.version().Compare(cut) > 0 {
			return false, false
		}
	}
	for e, rest := b.entries(); e != nil; e, rest = nextEntry(rest) {
		if old := a.find(e); compareAge(e, old) > 0 {
			copy(old[:atLens], e[:atLens])
			changed = true
		}
	}
	if b.proofBytes() != nil && proved != a.proofs() {
		changed = a.putProofs(&proved)
	}
	return true, changed
}

// find returns the entry with the key of e, nil if there is none.
func (r Record) find(e entry) entry {
	for old, rest := r.entries(); old != nil; old, rest = nextEntry(rest) {
		if compareKeys(old, e) == 0 {
			return old
		}
	}
	return nil
}

// sameStrings reports whether two entries differ in their heads alone.
func sameStrings(a, b entry) bool {
	return len(a) == len(b) && string(a[atLens:]) == string(b[atLens:])
}
