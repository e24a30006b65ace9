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
	pins := make([]PinDue, 0, min(len(due), most))
	for _, p := range due[:min(len(due), most)] {
		pins = append(pins, PinDue{AOR: p.aor, Seconds: c.write(p, now)})
	}
	return pins
}

// Again tells that a pin of Due could not be written: it is due again in a second.
func (c *Calls) Again(aor string, now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.aors[aor]; p != nil {
		p.due = min(p.due, now+retryAfter)
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
	p.told = true
	if p.calls > 0 {
		p.due = now + c.pinLife()/2
		return uint32(c.pinLife() / 1000)
	}
	p.due = math.MaxInt64
	return uint32((max(0, p.since+c.pinAfter-now) + 999) / 1000)
}
