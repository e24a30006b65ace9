package location

import (
	"bytes"
	"cmp"
	"slices"
)

// evict removes the bindings for which there is no room any more: the cap bounds what a phone that never unregisters
// leaves behind, and does not lock out the phone that is there.
func (a *applier) evict() {
	for live := a.live(); live > a.most; live-- {
		b := &a.items[a.oldest()].Binding
		a.remove(b, b.copiesEnd())
	}
}

func (a *applier) live() int {
	n := 0
	for i := range a.items {
		if a.items[i].Live(a.now) {
			n++
		}
	}
	return n
}

// oldest returns the index of the live binding that has gone longest without a refresh, of those of an instance that
// registers now if there is one.
func (a *applier) oldest() int {
	oldest, ofInstance := -1, false
	for i := range a.items {
		b := &a.items[i].Binding
		if !b.Live(a.now) || b.Version == a.stamp {
			continue
		}
		same := a.registers(b.Instance)
		if oldest < 0 || same && !ofInstance || same == ofInstance && b.Version.Compare(a.items[oldest].Version) < 0 {
			oldest, ofInstance = i, same
		}
	}
	return oldest
}

// registers reports whether the update binds a contact of the instance.
func (a *applier) registers(instance []byte) bool {
	return len(instance) > 0 && slices.ContainsFunc(a.u.Contacts, func(c ContactUpdate) bool {
		return c.Expires > 0 && bytes.Equal(c.Instance, instance)
	})
}

// tidy drops what is to be forgotten and tombstones beyond a bound, sorts by key, and returns the size of the record.
func (a *applier) tidy(maxTombstones int) int {
	a.items = slices.DeleteFunc(a.items, func(it item) bool { return it.endsAt() <= a.now })
	slices.SortFunc(a.items, func(x, y item) int { return compareKey(&x.Binding, &y.Binding) })
	size, tombstones := 2+len(a.u.AOR), 0
	for i := range a.items {
		size += a.items[i].size()
		if !a.items[i].Live(a.now) {
			tombstones++
		}
	}
	for tombstones > maxTombstones || size > MaxRecordSize {
		i := a.leastNeeded()
		if i < 0 {
			break
		}
		size -= a.items[i].size()
		a.items = slices.Delete(a.items, i, i+1)
		tombstones--
	}
	return size
}

// leastNeeded returns the index of the oldest of what is over, -1 if all there is of that was removed by this update: the
// others must hear of it.
func (a *applier) leastNeeded() int {
	least := -1
	for i := range a.items {
		it := &a.items[i]
		if it.Live(a.now) || it.Version == a.stamp && !it.trace {
			continue
		}
		if least < 0 || cmp.Or(it.Version.Compare(a.items[least].Version), cmp.Compare(it.endsAt(), a.items[least].endsAt())) < 0 {
			least = i
		}
	}
	return least
}
