package location

import "bytes"

// markerPrefix begins the contact of a marker, which "Contact: *" leaves: a tombstone of all that there was, with the
// Call-ID in its key. No URI begins so, and it sorts before every URI. Merge drops whatever is older than a marker.
const markerPrefix = "*"

func isMarker(contact []byte) bool {
	return len(contact) > 0 && contact[0] == markerPrefix[0]
}

func (b *Binding) marker() bool { return !b.Outbound() && isMarker(b.Contact) }
func (e entry) marker() bool    { return !e.outbound() && e[headSize] == markerPrefix[0] }

// cut returns the version below which nothing but markers counts in the record: that of its newest marker.
func (r Record) cut() Version {
	var cut Version
	for e, rest := r.entries(); e != nil && e.marker(); e, rest = nextEntry(rest) {
		if v := e.version(); v.Compare(cut) > 0 {
			cut = v
		}
	}
	return cut
}

// removeAll is "Contact: *" (RFC 3261 section 10.3 step 6). Of the bindings nothing stays but the marker, which lives as
// long as a copy of any of them can, and at least as long as it orders.
func (a *applier) removeAll() int {
	a.named = a.named[:0]
	for i := range a.items {
		a.named = append(a.named, i)
	}
	if order := a.orderToNamed(nil); order != newer {
		return order.status() // what came after a retransmission's original stays
	}
	all := Binding{Contact: append([]byte(markerPrefix), a.u.CallID...), Source: a.u.Source}
	if len(a.items) > 0 {
		all.Source = a.items[0].Source
	}
	newest, end, kept := a.newestNamed(), a.now, a.items[:0]
	for _, it := range a.items {
		end = max(end, it.copiesEnd())
		switch same := bytes.Equal(it.CallID, a.u.CallID); {
		case same && it.Version == newest:
			it.Contact, it.Instance, it.RegID = all.Contact, nil, 0
			all = it.Binding
		case it.marker() && !same:
			kept = append(kept, it)
		}
	}
	a.items = kept
	a.add(&all)
	a.remove(&a.items[len(a.items)-1].Binding, end)
	return StatusOK
}
