package location

import (
	"bytes"
	"slices"

	"github.com/sipring/sipring/proxy/flow"
	"github.com/sipring/sipring/proxy/wire"
)

// lateness is how much longer than it was granted a copy of a binding may live somewhere, ms: copies run late by what
// messages take. What replaced it is remembered that much longer.
const lateness = 10_000

// applier applies REGISTERs to the records of their AORs, in the order of RFC 3261 section 10.3 steps 6 to 8, with memory
// that is used again.
type applier struct {
	now      int64
	u        *Update
	stamp    Version
	items    []item
	named    []int // the items that a contact is about
	compared int   // pairs of URIs
	most     int   // live bindings that there may be
	first    Window
	changed  bool
	replaced []flow.Flow // that were given up for the update's
	use      use
	proofs   proofs // as they are after the update
}

// item is one binding of the record under work.
type item struct {
	Binding        // a view into the record before, or into u
	hash    uint64 // wire.HashURI of its contact
	trace   bool   // a tombstone of nothing
}

// apply returns the record as it is after the update. stamp is the version of the writer. Where only numbers change, r's
// bytes are overwritten; otherwise the result has its own.
func (a *applier) apply(now int64, r Record, u *Update, lim Limits, stamp Version) (Record, Result) {
	if !u.Valid() {
		return r, Result{Status: StatusBadRequest}
	}
	if u.Claim {
		return r, r.claim(now, u, stamp)
	}
	a.prove(now, r, u, lim)
	if u.Fetch() && a.use != freshProof {
		return r, Result{Status: a.use.status(false)}
	}
	if r.IsZero() && lim.Room >= roomForNew(u.AOR) {
		return r, Result{Status: StatusNoRoom}
	}
	if u.Fetch() {
		return a.proved(r, u.AOR, Result{Status: StatusOK})
	}
	stamp.Counter = max(stamp.Counter, r.MaxCounter()+1)
	a.replaced = a.replaced[:0]
	if a.use <= freshProof && a.refreshInPlace(now, r, u, stamp) {
		return a.proved(r, u.AOR, Result{Status: StatusOK, Changed: true, Stamp: stamp, Replaced: a.givenUp(now, r)})
	}
	a.now, a.u, a.stamp = now, u, stamp
	a.compared, a.changed, a.first = 0, false, lim.firstWindow()
	defer a.forget()
	after, status := a.rebuild(r, lim)
	if status != StatusOK || !a.changed {
		return a.proved(r, u.AOR, Result{Status: status})
	}
	return after, Result{Status: StatusOK, Changed: true, Stamp: stamp, Replaced: a.givenUp(now, after)}
}

// leaves notes that the update's flow takes the place of another one.
func (a *applier) leaves(old *Binding, u *Update) {
	if old.Flow.Transport != flow.Local && old.Flow.IsHeld() && !sameWay(old.Flow, u.Flow) && !slices.ContainsFunc(a.replaced, old.Flow.Equal) {
		a.replaced = append(a.replaced, old.Flow)
	}
}

// sameWay reports whether two flows are the same by way of the same member.
func sameWay(f, g flow.Flow) bool { return f.Equal(g) && f.Owner == g.Owner && f.Life == g.Life }

// givenUp are the connections left that no binding of the record is reached over.
func (a *applier) givenUp(now int64, r Record) []flow.Flow {
	if len(a.replaced) == 0 {
		return nil
	}
	return slices.DeleteFunc(a.replaced, func(f flow.Flow) bool {
		for b := range r.Live(now) {
			if sameWay(b.Flow, f) {
				return true
			}
		}
		return false
	})
}

// rebuild returns the record as it is after the update, in bytes of its own, and the status of the answer.
func (a *applier) rebuild(r Record, lim Limits) (Record, int) {
	a.most = max(lim.maxContacts(), r.LiveCount(a.now))
	if a.u.wanted() > a.most {
		return r, StatusForbidden
	}
	for b := range r.All() {
		a.add(&b)
	}
	status := a.update()
	if status == StatusOK {
		status = a.use.status(a.changed)
	}
	if status != StatusOK || !a.changed {
		return r, status
	}
	a.evict()
	size := a.tidy(2 * lim.maxContacts())
	switch {
	case size > a.u.mayTake(r):
		return r, StatusForbidden
	case size > r.boundSize() && lim.Room >= NoRoom:
		return r, StatusNoRoom
	}
	return a.encode(size), StatusOK
}

// wanted counts the contacts of u that are to be bound. Each is compared with every binding.
func (u *Update) wanted() int {
	n := 0
	for i := range u.Contacts {
		if u.Contacts[i].Expires > 0 {
			n++
		}
	}
	return n
}

// mayTake is how many bytes r may have after u. What only removes is not refused for the longer Call-ID that it leaves.
func (u *Update) mayTake(r Record) int {
	if u.wanted() == 0 {
		return max(maxParsed/2, r.boundSize())
	}
	return max(MaxRecordSize, r.boundSize())
}

func (a *applier) add(b *Binding) {
	a.items = append(a.items, item{Binding: *b, hash: wire.HashURI(b.Contact)})
}

// refreshInPlace applies an update that only refreshes bindings as they are, and reports whether it was one.
func (a *applier) refreshInPlace(now int64, r Record, u *Update, stamp Version) bool {
	if u.Star {
		return false
	}
	for i := range u.Contacts {
		c := &u.Contacts[i]
		e := r.findContact(c)
		if c.Expires == 0 || e == nil || !e.live(now) || !e.sameTexts(u, c) || e.source() != u.Source || e.cseq() >= u.CSeq ||
			!bytes.Equal(e.field(fieldContact), c.URI) || e.regID() != c.RegID {
			return false
		}
	}
	for i := range u.Contacts {
		c := &u.Contacts[i]
		e, b := r.findContact(c), u.binding(now, c, stamp)
		old := e.view()
		a.leaves(&old, u)
		b.follow(&old, now, newWindow)
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

// binding is what c asks for. Though it be for a moment only: it is remembered for as long as it orders what was sent
// before it.
func (u *Update) binding(now int64, c *ContactUpdate, stamp Version) Binding {
	granted := int64(c.Expires) * 1000
	return Binding{
		Contact: c.URI, Params: c.Params, Instance: c.Instance, CallID: u.CallID, CSeq: u.CSeq, RegID: c.RegID, Q: c.Q,
		Path: u.Path, Flow: u.Flow, Source: u.Source, ExpiresAt: now + granted, Version: stamp,
		Fingerprint: u.Fingerprint, Linger: uint32(max(OrderFor-granted, 0)),
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

// contact adds, refreshes or removes one contact.
func (a *applier) contact(c *ContactUpdate) int {
	a.find(c)
	if order := a.orderToNamed(c); order != newer {
		return order.status()
	}
	placed := false
	for _, i := range a.named {
		switch it := &a.items[i]; {
		case c.sameKey(&it.Binding):
			a.replace(it, c)
			placed = true
		case !it.Deleted:
			if c.Expires > 0 {
				a.leaves(&it.Binding, a.u)
			}
			a.remove(&it.Binding, it.copiesEnd())
		}
	}
	switch {
	case placed:
	case c.Expires > 0:
		b := a.u.binding(a.now, c, a.stamp)
		b.begin(a.now, a.first)
		a.add(&b)
		a.changed = true
	default:
		a.leaveTrace(c)
	}
	return StatusOK
}

// replace has c in the place of another state of it.
func (a *applier) replace(it *item, c *ContactUpdate) {
	if c.Expires == 0 {
		a.remove(&it.Binding, it.copiesEnd())
		return
	}
	b, old := a.u.binding(a.now, c, a.stamp), it.Binding
	b.follow(&old, a.now, a.first)
	b.lingerUntil(old.copiesEnd())
	if !old.Deleted {
		a.leaves(&old, a.u)
	}
	it.Binding = b
	a.changed = true
}

// find sets named to the bindings that c is about: same instance and reg-id (RFC 5626 section 6), or URIs equal as RFC
// 3261 section 19.1.4 has it, or the same phone over another connection; and to the marker of the Call-ID, which is about all.
func (a *applier) find(c *ContactUpdate) {
	a.named = a.named[:0]
	hash := wire.HashURI(c.URI)
	for i := range a.items {
		b := &a.items[i].Binding
		switch {
		case c.sameKey(b), b.marker() && bytes.Equal(b.CallID, a.u.CallID), c.reconnects(a.u, b):
		case a.items[i].hash != hash, c.outbound(), b.Outbound(), !a.equal(c.URI, b.Contact):
			continue
		}
		a.named = append(a.named, i)
	}
}

// reconnects reports whether c is of the phone that b is of, which has lost the connection of b: it says which it is, and
// knows nothing of several flows (RFC 5626). Its contact often has the port of the connection, and so another than before.
func (c *ContactUpdate) reconnects(u *Update, b *Binding) bool {
	return c.Expires > 0 && u.Flow.Conn != 0 && b.Flow.Conn != 0 && !b.Deleted && !c.outbound() && !b.Outbound() &&
		len(c.Instance) > 0 && bytes.Equal(c.Instance, b.Instance) && !b.Flow.Equal(u.Flow)
}

// maxCompared bounds the work of one update: of URIs with the same user, host and port so many pairs are compared in full,
// some microseconds each, and further ones differ if their bytes do.
const maxCompared = 1024

func (a *applier) equal(x, y []byte) bool {
	a.compared++
	return a.compared <= maxCompared && wire.EqualURI(x, y)
}

// sameKey reports whether c and b are the same binding to a merge.
func (c *ContactUpdate) sameKey(b *Binding) bool {
	if c.outbound() != b.Outbound() {
		return false
	}
	if c.outbound() {
		return c.RegID == b.RegID && bytes.Equal(c.Instance, b.Instance)
	}
	return bytes.Equal(c.URI, b.Contact)
}

// remove makes b a tombstone, which lives until copiesEnd and at least as long as it orders.
func (a *applier) remove(b *Binding, copiesEnd int64) {
	end := min(max(copiesEnd, a.now+OrderFor), a.now+maxRemaining)
	t := Binding{
		Contact: b.Contact, Instance: b.Instance, RegID: b.RegID, CallID: a.u.CallID, CSeq: a.u.CSeq,
		Fingerprint: a.u.Fingerprint, ExpiresAt: a.now, Linger: uint32(end - a.now), Version: a.stamp, Deleted: true,
		Source: b.Source, // who registered has it on its account, whoever removes it
	}
	t.follow(b, a.now, a.first)
	switch {
	case !bytes.Equal(b.CallID, a.u.CallID):
	case b.Deleted:
		t.Removed = b.Removed
	default:
		t.Removed = Request{CSeq: b.CSeq, Fingerprint: b.Fingerprint}
	}
	*b = t
	a.changed = true
}

// leaveTrace leaves a tombstone where there was nothing to remove: what c undoes may be on its way, or with a member that
// was cut off.
func (a *applier) leaveTrace(c *ContactUpdate) {
	a.add(&Binding{Contact: c.URI, Instance: c.Instance, RegID: c.RegID, Source: a.u.Source})
	it := &a.items[len(a.items)-1]
	a.remove(&it.Binding, a.now)
	it.trace = true
}

func (a *applier) encode(size int) Record {
	b := appendHead(make([]byte, 0, size+a.proofs.size()), a.u.AOR, &a.proofs)
	for i := range a.items {
		b = appendBinding(b, &a.items[i].Binding)
	}
	return Record{b}
}

// forget drops the views, so that they do not keep memory of others alive.
func (a *applier) forget() {
	clear(a.items)
	a.items, a.u = a.items[:0], nil
}
