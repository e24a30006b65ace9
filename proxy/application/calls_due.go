package application

import (
	"cmp"
	"math"
	"slices"
)

// A pin is written for pinAfter while there are calls, within these bounds, in milliseconds: so often, and for so long
// after a member that was killed has written it last.
const (
	minPinLife = 60_000
	maxPinLife = 600_000
	// retryAfter is how long what could not be written waits.
	retryAfter = 1_000
	// A pin is renewed without delay if it is good for less than pinEnough, or was not written for pinRests.
	pinEnough = 2_000
	pinRests  = 500
)

// PinDue is a pin that is to be written now.
type PinDue struct {
	AOR string
	// Seconds for which it is to be good. 0: it is to be removed.
	Seconds uint32
}

// pinLife is for how long a pin is written while there are calls, ms. It is written anew after half of that.
func (c *Calls) pinLife() int64 { return min(max(c.pinAfter, minPinLife), maxPinLife) }

// Due returns the pins that are to be written now, at most so many, those first that have waited for longest, and takes
// them for written: when the first call of an address-of-record begins, each half of its life while there are calls, and
// when the last one has ended. What has had no call for pinAfter is forgotten.
func (c *Calls) Due(now int64, most int) []PinDue {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	var due []*pinned
	for aor, p := range c.aors {
		switch {
		case c.isOver(p, now):
			delete(c.aors, aor)
		case p.due <= now:
			due = append(due, p)
		}
	}
	slices.SortFunc(due, func(a, b *pinned) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.aor, b.aor)) })
	c.soon = slices.DeleteFunc(c.soon, func(p *pinned) bool { p.soon = false; return true })
	pins := make([]PinDue, 0, min(len(due), most))
	for _, p := range due[:min(len(due), most)] {
		pins = append(pins, PinDue{AOR: p.aor, Seconds: c.write(p, now)})
	}
	return pins
}

// renew has the pin of p be written: without delay, or, where that was done just before, within what is left of it.
func (c *Calls) renew(p *pinned, now int64) {
	if p.until-now >= pinEnough && now-p.wrote < pinRests {
		p.due = min(p.due, p.wrote+pinRests)
		return
	}
	p.due = now
	if p.soon || len(c.soon) >= maxSoon { // the next Due has it
		return
	}
	p.soon, c.soon = true, append(c.soon, p)
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// News tells that there is something for DueSoon.
func (c *Calls) News() <-chan struct{} { return c.news }

// DueSoon is Due of what must not wait until that is asked next.
func (c *Calls) DueSoon(now int64) (pins []PinDue) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.soon {
		if p.soon = false; p.due <= now && c.aors[p.aor] == p {
			pins = append(pins, PinDue{AOR: p.aor, Seconds: c.write(p, now)})
		}
	}
	clear(c.soon)
	c.soon = c.soon[:0]
	return pins
}

// Again tells that a pin of Due could not be written: it is due again in a second.
func (c *Calls) Again(aor string, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.aors[aor]; p != nil {
		p.due, p.until = min(p.due, now+retryAfter), 0
	}
}

// Held tells that a pin of Due was left to another application, whose pin is good for left, ms. While there are calls it is
// due again then.
func (c *Calls) Held(aor string, left, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.aors[aor]
	if p == nil {
		return
	}
	if p.until = 0; p.calls > 0 {
		p.due = min(p.due, now+max(left, retryAfter))
	}
}

// Anew has all pins of who has calls be due: those of another application may have taken their place, and have ended.
func (c *Calls) Anew(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.aors {
		if p.calls > 0 {
			p.due, p.until = min(p.due, now), 0
		}
	}
}

// isOver reports whether nothing is to be written of p any more: it has had no calls for pinAfter and was told so, or was
// never told of, or has ended by itself meanwhile.
func (c *Calls) isOver(p *pinned, now int64) bool {
	if p.calls > 0 || now < p.since+c.pinAfter {
		return false
	}
	return p.due == math.MaxInt64 || !p.told || now >= p.since+c.pinAfter+c.pinLife()
}

// write returns for how many seconds, rounded up, the pin of p is to be good from now on.
func (c *Calls) write(p *pinned, now int64) uint32 {
	p.told, p.wrote = true, now
	seconds := c.pinLife() / 1000
	if p.due = now + c.pinLife()/2; p.calls == 0 {
		p.due, seconds = math.MaxInt64, (max(0, p.since+c.pinAfter-now)+999)/1000
	}
	p.until = now + seconds*1000
	return uint32(seconds)
}
