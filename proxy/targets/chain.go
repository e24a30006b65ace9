package targets

import (
	"bytes"
	"slices"

	"github.com/sipring/sipring/proxy/location"
	"github.com/sipring/sipring/proxy/routing"
	"github.com/sipring/sipring/proxy/token"
	"github.com/sipring/sipring/proxy/wire"
)

// Bounds on what the contacts of one request may lead to within our own domains.
// A stranger writes them, and each costs a lookup, perhaps at another member.
const (
	// MaxLookups is how many contacts of a request are looked up: as many as a
	// record has by default, so that a group of that many users can be called.
	MaxLookups = 10
	// MaxDepth is how many such contacts lie one behind the other, at most: bob is
	// at the desk of a team, which is diverted at night, and so on.
	MaxDepth = 5
	// MaxTargets is the most targets a request then has: all that a Max-Breadth
	// allows (RFC 5393 5.3.3).
	MaxTargets = maxBreadth
)

// Chain finds the targets of a request where contacts are addresses-of-record of
// our own domains: the bindings of each take its place, breadth first. What comes
// out depends on the records alone, so that every member makes the same branches.
// An address-of-record is looked up once: a loop ends there. It is used
// again for the next request, by one goroutine at a time.
type Chain struct {
	// LeftOut is how many contacts and targets are beyond the bounds.
	LeftOut int
	// Looped says that a contact has led to one looked up before.
	Looped bool

	text  []byte   // what targets of earlier lookups and aors hold
	aors  [][]byte // looked up; the first one is the request's own
	depth uint8    // of the last
	// callee is who of the last is meant.
	callee routing.Callee
	gruu   token.GRUU
}

// Begin is for a request to an address-of-record, of which nothing is known yet.
func (c *Chain) Begin(aor []byte, callee routing.Callee) {
	c.callee = callee
	c.LeftOut, c.Looped, c.depth, c.text = 0, false, 0, c.text[:0]
	c.aors = append(c.aors[:0], c.keep(aor))
}

// Trim gives up memory above a limit in bytes, between requests.
func (c *Chain) Trim(limit int) {
	if cap(c.text) > limit {
		c.text, c.aors = nil, nil
	}
}

// Add appends the targets of the record that was looked up last. They are views
// into it until Next.
func (c *Chain) Add(list []Target, record location.Record, now int64, tables *routing.Tables) []Target {
	start := len(list)
	list = AppendBindings(list, record, now, tables, c.callee)
	if c.depth == 0 {
		return list
	}
	added := list[start:]
	list = list[:start]
	found := 0
	for i := range list {
		if !list[i].ours {
			found++
		}
	}
	for i := range added {
		t := added[i]
		t.depth = c.depth
		switch {
		case t.ours:
		case slices.ContainsFunc(list, t.same): // RFC 3261 16.5
			continue
		case found >= MaxTargets:
			c.LeftOut++
			continue
		default:
			found++
		}
		list = append(list, t)
	}
	return list
}

// Next takes the next contact to look up out of a list, and returns the rest and
// its address-of-record in canonical form, which holds until Begin: nil if there is
// none any more, and the list is complete.
func (c *Chain) Next(list []Target, tables *routing.Tables) (rest []Target, aor []byte) {
	for {
		i := slices.IndexFunc(list, func(t Target) bool { return t.ours })
		if i < 0 {
			break
		}
		t := list[i]
		list = slices.Delete(list, i, i+1)
		if aor = c.take(&t, tables); aor != nil {
			c.keepAll(list)
			return list, aor
		}
	}
	if len(c.aors) > 1 {
		slices.SortStableFunc(list, func(a, b Target) int { return b.newness.Compare(a.newness) })
	}
	return list, nil
}

// take returns the address-of-record of a contact, nil if it is not to be looked up.
// It may be the GRUU of one of its user agents (RFC 5627 6.1).
func (c *Chain) take(t *Target, tables *routing.Tables) []byte {
	uri, err := wire.ParseURI(t.URI)
	if err != nil {
		return nil
	}
	callee, ok := tables.ReadGRUU(&uri, &c.gruu)
	if !ok {
		return nil
	}
	callee.SIPS = c.callee.SIPS
	start := len(c.text)
	if callee.Call != 0 {
		c.text = append(c.text, c.gruu.AOR...)
	} else {
		c.text = wire.CanonicalAOR(c.text, uri)
	}
	aor := c.text[start:len(c.text):len(c.text)]
	switch {
	case slices.ContainsFunc(c.aors, func(other []byte) bool { return bytes.Equal(aor, other) }):
		c.text, c.Looped = c.text[:start], true
		return nil
	case len(c.aors) > MaxLookups || t.depth >= MaxDepth:
		c.text = c.text[:start]
		c.LeftOut++
		return nil
	}
	c.aors, c.depth, c.callee = append(c.aors, aor), t.depth+1, callee
	return aor
}

// KeepAll has a list of targets hold what it is made of until Begin, whatever record is
// looked up next.
func (c *Chain) KeepAll(list []Target) { c.keepAll(list) }

// keepAll copies what targets hold of the last record, which the next one replaces.
func (c *Chain) keepAll(list []Target) {
	for i := range list {
		if t := &list[i]; !t.kept {
			t.URI, t.Path, t.Strict, t.AOR, t.kept = c.keep(t.URI), c.keep(t.Path), c.keep(t.Strict), c.keep(t.AOR), true
		}
	}
}

// keep copies b; nil stays nil.
func (c *Chain) keep(b []byte) []byte {
	if b == nil {
		return nil
	}
	start := len(c.text)
	c.text = append(c.text, b...)
	return c.text[start:len(c.text):len(c.text)]
}

// same reports whether another target is the same place.
func (t *Target) same(o Target) bool {
	return !o.ours && bytes.Equal(t.URI, o.URI) && bytes.Equal(t.Path, o.Path) && t.Held == o.Held && t.To == o.To
}
