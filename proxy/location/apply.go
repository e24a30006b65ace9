package location

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/sipring/sipring/proxy/wire"
)

// lateness is how much longer than it was granted a copy of a binding may live somewhere, ms: copies run late by what
// messages take. What replaced it is remembered that much longer.
const lateness = 10_000

// Apply applies one REGISTER to the record of its AOR, in the order of RFC 3261 section 10.3 steps 6 to 8, and returns
// the record as it is then. clock is the writer's clock for versions, node its ID. Where only numbers change, r's bytes
// are overwritten; otherwise the result has its own.
//
// A contact of the same Call-ID and CSeq as the binding it names is a retransmission: it changes nothing and is
// granted. A lower CSeq aborts the whole update with 500.
func Apply(now int64, r Record, u *Update, lim Limits, clock uint64, node uint32) (Record, Result) {
	var a applier
	return a.apply(now, r, u, lim, Version{Counter: clock, Node: node})
}

// applier is Apply with memory that is used again.
type applier struct {
	now      int64
	u        *Update
	stamp    Version
	bindings []Binding // views into the record before, and into u
	hashes   []uint64  // wire.HashURI of the bindings' contacts
	named    []int     // the bindings that a contact is about
	changed  bool
}

func (a *applier) apply(now int64, r Record, u *Update, lim Limits, stamp Version) (Record, Result) {
	if !u.Valid() {
		return r, Result{Status: StatusBadRequest}
	}
	if u.Fetch() {
		return r, Result{Status: StatusOK}
	}
	stamp.Counter = max(stamp.Counter, r.MaxCounter()+1)
	if refreshInPlace(now, r, u, stamp) {
		return r, Result{Status: StatusOK, Changed: true, Stamp: stamp}
	}
	liveBefore := r.LiveCount(now)
	if u.asksTooMuch(max(cmp.Or(lim.MaxContacts, 10), liveBefore)) {
		return r, Result{Status: StatusForbidden}
	}
	a.now, a.u, a.stamp, a.changed = now, u, stamp, false
	a.bindings, a.hashes = a.bindings[:0], a.hashes[:0]
	for b := range r.All() {
		a.add(b)
	}
	defer a.forget()
	if status := a.update(); status != StatusOK {
		return r, Result{Status: status}
	}
	if !a.changed {
		return r, Result{Status: StatusOK}
	}
	size := a.tidy(cmp.Or(lim.MaxContacts, 10))
	if live := a.live(); size > MaxRecordSize || live > cmp.Or(lim.MaxContacts, 10) && live > liveBefore {
		return r, Result{Status: StatusForbidden}
	}
	return a.encode(size), Result{Status: StatusOK, Changed: true, Stamp: stamp}
}

// asksTooMuch reports whether u has more contacts than can be meant where there are at most so many bindings: that many to
// be made, and that many to be removed. Each is compared with every binding.
func (u *Update) asksTooMuch(most int) bool {
	wanted := 0
	for i := range u.Contacts {
		if u.Contacts[i].Expires > 0 {
			wanted++
		}
	}
	return wanted > most || len(u.Contacts)-wanted > most
}

func (a *applier) add(b Binding) {
	a.bindings = append(a.bindings, b)
	a.hashes = append(a.hashes, wire.HashURI(b.Contact))
}

// refreshInPlace applies an update that only refreshes bindings as they are, and reports whether it was one.
func refreshInPlace(now int64, r Record, u *Update, stamp Version) bool {
	if u.Star {
		return false
	}
	for i := range u.Contacts {
		c := &u.Contacts[i]
		e := r.findContact(c)
		if c.Expires == 0 || e == nil || !e.live(now) || !e.sameTexts(u, c) || e.cseq() >= u.CSeq ||
			!bytes.Equal(e.field(fieldContact), c.URI) || e.regID() != c.RegID {
			return false
		}
	}
	for i := range u.Contacts {
		c := &u.Contacts[i]
		e, b := r.findContact(c), u.binding(now, c, stamp)
		old := e.view()
		b.lingerUntil(old.copiesEnd())
		putHead(e, &b)
	}
	return true
}

// sameTexts reports whether the update leaves the entry's byte strings as they are.
func (e entry) sameTexts(u *Update, c *ContactUpdate) bool {
	return bytes.Equal(e.field(fieldCallID), u.CallID) && bytes.Equal(e.field(fieldParams), c.Params) &&
		bytes.Equal(e.field(fieldInstance), c.Instance) && bytes.Equal(e.field(fieldPath), u.Path)
}

// findContact returns the entry with the key of c.
func (r Record) findContact(c *ContactUpdate) entry {
	for e, rest := r.entries(); e != nil; e, rest = nextEntry(rest) {
		switch {
		case e.outbound() != c.outbound():
		case !c.outbound():
			if bytes.Equal(e.field(fieldContact), c.URI) {
				return e
			}
		case e.regID() == c.RegID && bytes.Equal(e.field(fieldInstance), c.Instance):
			return e
		}
	}
	return nil
}

func (c *ContactUpdate) outbound() bool { return c.RegID != 0 && len(c.Instance) > 0 }

// binding is what c asks for.
func (u *Update) binding(now int64, c *ContactUpdate, stamp Version) Binding {
	return Binding{
		Contact: c.URI, Params: c.Params, Instance: c.Instance, CallID: u.CallID, CSeq: u.CSeq, RegID: c.RegID, Q: c.Q,
		Path: u.Path, Received: u.Received, Flow: u.Flow, ExpiresAt: now + int64(c.Expires)*1000, Version: stamp,
	}
}

// update runs the update on the list of bindings.
func (a *applier) update() int {
	if a.u.Star {
		return a.removeAll()
	}
	for i := range a.u.Contacts {
		if status := a.contact(&a.u.Contacts[i]); status != StatusOK {
			return status
		}
	}
	return StatusOK
}

// order is where an update stands to what wrote a binding last (RFC 3261 section 10.3 steps 6 and 7).
type order uint8

const (
	newer order = iota
	repeated
	older
)

func (a *applier) orderTo(b *Binding) order {
	switch {
	case b.Version == a.stamp, !bytes.Equal(b.CallID, a.u.CallID), a.u.CSeq > b.CSeq:
		return newer
	case a.u.CSeq == b.CSeq:
		return repeated
	}
	return older
}

// removeAll is "Contact: *".
func (a *applier) removeAll() int {
	for i := range a.bindings {
		switch b := &a.bindings[i]; a.orderTo(b) {
		case older:
			return StatusServerError
		case repeated:
			if b.Deleted {
				return StatusOK // what this very request removed: it is a retransmission
			}
		}
	}
	for i := range a.bindings {
		if b := &a.bindings[i]; !b.Deleted && a.orderTo(b) == newer {
			a.remove(b)
		}
	}
	return StatusOK
}

// contact adds, refreshes or removes one contact.
func (a *applier) contact(c *ContactUpdate) int {
	repeat := false
	a.find(c)
	for _, i := range a.named {
		switch a.orderTo(&a.bindings[i]) {
		case older:
			return StatusServerError
		case repeated:
			repeat = true
		}
	}
	if repeat {
		return StatusOK
	}
	placed := c.Expires == 0
	for _, i := range a.named {
		b := &a.bindings[i]
		if !placed && c.sameKey(b) {
			end := b.copiesEnd()
			*b = a.u.binding(a.now, c, a.stamp)
			b.lingerUntil(end)
			a.changed, placed = true, true
		} else if !b.Deleted {
			a.remove(b)
		}
	}
	if !placed {
		a.add(a.u.binding(a.now, c, a.stamp))
		a.changed = true
	}
	return StatusOK
}

// find sets named to the bindings that c is about: same instance and reg-id (RFC 5626 section 6), or URIs equal as RFC
// 3261 section 19.1.4 has it.
func (a *applier) find(c *ContactUpdate) {
	a.named = a.named[:0]
	hash := wire.HashURI(c.URI)
	for i := range a.bindings {
		b := &a.bindings[i]
		if c.sameKey(b) || a.hashes[i] == hash && !c.outbound() && !b.Outbound() && wire.EqualURI(c.URI, b.Contact) {
			a.named = append(a.named, i)
		}
	}
}

// sameKey reports whether c and b are the same binding to Merge.
func (c *ContactUpdate) sameKey(b *Binding) bool {
	if c.outbound() != b.Outbound() {
		return false
	}
	if c.outbound() {
		return c.RegID == b.RegID && bytes.Equal(c.Instance, b.Instance)
	}
	return bytes.Equal(c.URI, b.Contact)
}

// remove makes b a tombstone.
func (a *applier) remove(b *Binding) {
	*b = Binding{
		Contact: b.Contact, Instance: b.Instance, RegID: b.RegID, CallID: a.u.CallID, CSeq: a.u.CSeq,
		ExpiresAt: min(max(b.copiesEnd(), a.now+lateness), a.now+maxRemaining), Version: a.stamp, Deleted: true,
	}
	a.changed = true
}

// tidy drops what has expired and tombstones beyond a bound, sorts by key, and returns the size of the record.
func (a *applier) tidy(maxContacts int) int {
	a.bindings = slices.DeleteFunc(a.bindings, func(b Binding) bool { return b.endsAt() <= a.now })
	slices.SortFunc(a.bindings, func(x, y Binding) int { return compareKey(&x, &y) })
	size, tombstones := 2+len(a.u.AOR), 0
	for i := range a.bindings {
		size += a.bindings[i].size()
		if !a.bindings[i].Live(a.now) {
			tombstones++
		}
	}
	for tombstones > 2*maxContacts || tombstones > 0 && size > MaxRecordSize {
		i := a.firstToExpire()
		size -= a.bindings[i].size()
		a.bindings = slices.Delete(a.bindings, i, i+1)
		tombstones--
	}
	return size
}

// firstToExpire returns the index of what is over and has the least time left.
func (a *applier) firstToExpire() int {
	first := -1
	for i := range a.bindings {
		if b := &a.bindings[i]; !b.Live(a.now) && (first < 0 || b.endsAt() < a.bindings[first].endsAt()) {
			first = i
		}
	}
	return first
}

func (a *applier) live() int {
	n := 0
	for i := range a.bindings {
		if a.bindings[i].Live(a.now) {
			n++
		}
	}
	return n
}

func (a *applier) encode(size int) Record {
	b := appendAOR(make([]byte, 0, size), a.u.AOR)
	for i := range a.bindings {
		b = appendBinding(b, &a.bindings[i])
	}
	return Record{b}
}

// forget drops the views, so that they do not keep memory of others alive.
func (a *applier) forget() {
	clear(a.bindings)
	a.u = nil
}
