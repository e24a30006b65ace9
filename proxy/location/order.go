package location

import (
	"bytes"
	"math"
)

// OrderFor is how long after its end a binding still orders REGISTERs of its Call-ID, ms: 64*T1, the time for which a
// phone repeats a request (RFC 3261 section 17.1.2.2). Later there is no binding to compare with (section 10.3 step 7),
// and a phone that always uses the same Call-ID may begin anew.
const OrderFor = 32_000

// windowSlack is how many CSeq below the first one that was seen may be on their way.
const windowSlack = 8

// Window says which requests of a Call-ID may still be on their way: what a phone sent before something that arrived in
// an earlier period of OrderFor, or more, is not. Both fields count CSeq numbers downwards from the binding's own, which
// is the first. Periods are of the time that passes here: that of versions moves ahead as a member hears of a faster clock.
type Window struct {
	// Before are those since the period before the one the binding was written in, Since those since that one.
	Before, Since uint16
}

// newWindow is that of a Call-ID of which nothing is known.
var newWindow = Window{Before: windowSlack + 1, Since: windowSlack + 1}

// untoldWindow is that of a Call-ID of which others may know more.
var untoldWindow = Window{Before: math.MaxUint16, Since: math.MaxUint16}

// firstWindow is that of a Call-ID of which nothing is known here.
func (l Limits) firstWindow() Window {
	if l.Untold {
		return untoldWindow
	}
	return newWindow
}

// begin sets the window of b, which is written at now and follows nothing.
func (b *Binding) begin(now int64, first Window) {
	b.Window = first
	b.setPeriod(now)
}

// follow sets the window of b, which replaces old at now; to first if old says nothing of it.
func (b *Binding) follow(old *Binding, now int64, first Window) {
	if !bytes.Equal(b.CallID, old.CallID) || b.CSeq <= old.CSeq {
		b.begin(now, first)
		return
	}
	step, period := b.CSeq-old.CSeq, min(old.period(), now)
	switch since := now - period; {
	case since < OrderFor:
		b.Window = Window{Before: widen(old.Window.Before, step), Since: widen(old.Window.Since, step)}
		b.setPeriod(period)
		return
	case since < 2*OrderFor:
		b.Window = Window{Before: widen(old.Window.Since, step), Since: widen(0, step)}
	default:
		b.Window = Window{Before: widen(0, step), Since: widen(0, step)}
	}
	b.setPeriod(now)
}

// period is when the period of b's window began.
func (b *Binding) period() int64 { return b.ExpiresAt - int64(b.Lead) }

func (b *Binding) setPeriod(at int64) {
	b.Lead = uint32(min(max(b.ExpiresAt-at, 0), math.MaxUint32))
}

func widen(n uint16, step uint32) uint16 {
	return uint16(min(uint64(n)+uint64(step), math.MaxUint16))
}

// mayBeLate reports whether a request of a lower CSeq than b's can have been sent so lately that it is still on its way.
func (b *Binding) mayBeLate(cseq uint32, now int64) bool {
	if now-b.period() >= 2*OrderFor {
		return false // it was sent before b was written, which is long ago
	}
	return b.CSeq-cseq < uint32(b.Window.Before)
}

// order is where an update stands to what wrote a binding last (RFC 3261 section 10.3 steps 6 and 7).
type order uint8

const (
	newer order = iota
	repeated
	older
)

// status is the answer to an update that is not applied.
func (o order) status() int {
	if o == older {
		return StatusServerError
	}
	return StatusOK
}

// orderToNamed orders the update to all that it is about: one that is older than any of it fails.
func (a *applier) orderToNamed(c *ContactUpdate) order {
	newest, result := a.newestNamed(), newer
	for _, i := range a.named {
		result = max(result, a.orderTo(&a.items[i].Binding, c, newest))
	}
	return result
}

// newestNamed returns the highest version of what the update is about and has its Call-ID.
func (a *applier) newestNamed() Version {
	var newest Version
	for _, i := range a.named {
		if b := &a.items[i]; b.Version.Compare(newest) > 0 && bytes.Equal(b.CallID, a.u.CallID) {
			newest = b.Version
		}
	}
	return newest
}

// orderTo orders the update to b; c is the contact that is about b, nil for "Contact: *". newest is the highest version
// of the bindings that it is compared with and that have its Call-ID: what is over and was followed by something else
// orders no more.
func (a *applier) orderTo(b *Binding, c *ContactUpdate, newest Version) order {
	switch {
	case b.Version == a.stamp, !bytes.Equal(b.CallID, a.u.CallID), a.u.CSeq > b.CSeq:
		return newer
	case b.Live(a.now):
		return a.orderToLive(b, c)
	case b.Version != newest, a.now-b.ExpiresAt > OrderFor, b.ExpiresAt-a.now > OrderFor:
		return newer
	}
	return a.orderToOver(b, c)
}

// orderToLive: a request with the binding's CSeq that is another is out of order, unless it asks for what is there.
func (a *applier) orderToLive(b *Binding, c *ContactUpdate) order {
	if a.u.CSeq == b.CSeq && (same(a.u.Fingerprint, b.Fingerprint) || a.asksFor(b, c)) {
		return repeated
	}
	return older
}

// orderToOver: what cannot be a datagram that is late is a phone that began anew with the Call-ID it always has.
func (a *applier) orderToOver(b *Binding, c *ContactUpdate) order {
	fingerprint := a.u.Fingerprint
	switch {
	case a.u.CSeq == b.CSeq:
		if same(fingerprint, b.Fingerprint) || a.asksFor(b, c) && (b.Deleted || !differ(fingerprint, b.Fingerprint)) {
			return repeated
		}
		return newer
	case a.u.CSeq == b.Removed.CSeq && same(fingerprint, b.Removed.Fingerprint):
		return older
	case a.u.CSeq == b.Removed.CSeq && differ(fingerprint, b.Removed.Fingerprint):
		return newer // a phone does not use a CSeq twice
	case b.mayBeLate(a.u.CSeq, a.now):
		return older
	}
	return newer
}

// same and differ compare fingerprints. Neither is true where one is unknown.
func same(a, b uint32) bool   { return a == b && a != 0 }
func differ(a, b uint32) bool { return a != b && a != 0 && b != 0 }

// asksFor reports whether c asks for the state that b is in, as a retransmission of what wrote b does.
func (a *applier) asksFor(b *Binding, c *ContactUpdate) bool {
	switch {
	case c == nil:
		return b.marker()
	case !c.sameKey(b) || (c.Expires == 0) != b.Deleted:
		return false
	case b.Deleted:
		return true
	}
	return bytes.Equal(b.Contact, c.URI) && bytes.Equal(b.Params, c.Params) && bytes.Equal(b.Instance, c.Instance) &&
		bytes.Equal(b.Path, a.u.Path) && b.RegID == c.RegID && b.Q == c.Q && b.ExpiresAt <= a.now+int64(c.Expires)*1000
}
