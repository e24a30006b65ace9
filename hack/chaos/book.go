package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// none is the version of a phone that is not registered.
const none = 0

// book is what one phone was told: which of its contacts may be seen, and when.
// A contact is known by its version, a number that grows. It is pure; the caller
// serializes.
type book struct {
	spans []span
	last  int // highest version used
}

// span is the time in which the outcome of one operation may be seen.
type span struct {
	version int
	from    time.Time
	until   time.Time // zero: still
	acked   time.Time // zero: no answer
}

// bookMemory is how long a state that is over is remembered: longer than any
// request takes.
const bookMemory = 2 * time.Minute

func newBook(now time.Time) *book {
	return &book{spans: []span{{version: none, from: now, acked: now}}}
}

// next is a version that was never used.
func (b *book) next() int {
	b.last++
	return b.last
}

// begin notes that an operation is sent that leads to that version.
func (b *book) begin(version int, now time.Time) {
	b.spans = slices.DeleteFunc(b.spans, func(s span) bool { return !s.until.IsZero() && now.Sub(s.until) > bookMemory })
	b.spans = append(b.spans, span{version: version, from: now})
}

// ack notes that the last operation was acknowledged: what was before is over.
func (b *book) ack(now time.Time) {
	last := len(b.spans) - 1
	b.spans[last].acked = now
	for i := range b.spans[:last] {
		if b.spans[i].until.IsZero() {
			b.spans[i].until = now
		}
	}
}

// allows tells whether that version may be what somebody saw who began at t0 and
// saw it at t1.
func (b *book) allows(version int, t0, t1 time.Time) bool {
	return slices.ContainsFunc(b.spans, func(s span) bool {
		return s.version == version && !s.from.After(t1) && (s.until.IsZero() || !s.until.Before(t0))
	})
}

// possible are the versions that may be seen now, sorted, without none.
func (b *book) possible() (out []int) {
	for _, s := range b.spans {
		if s.until.IsZero() && s.version != none {
			out = append(out, s.version)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// current is the version that was told last.
func (b *book) current() int { return b.spans[len(b.spans)-1].version }

// String are the last few states, with times as they stand in the logs.
func (b *book) String() string {
	var out []string
	for _, s := range b.spans[max(0, len(b.spans)-5):] {
		text := "none"
		if s.version != none {
			text = fmt.Sprintf("v%d", s.version)
		}
		text += " sent " + clock(s.from)
		if s.acked.IsZero() {
			text += " (no 200)"
		} else {
			text += " 200 " + clock(s.acked)
		}
		if !s.until.IsZero() {
			text += " until " + clock(s.until)
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

// clock is a time as the proxies' logs have it, without the date.
func clock(t time.Time) string { return t.Format("15:04:05.000") }

// compare judges the list of a 200 to REGISTER where it must show one of the
// wanted versions alone, none being an empty list.
func compare(listed, wanted []int) problem {
	seen := none
	if len(listed) > 0 {
		seen = listed[0]
	}
	switch {
	case len(listed) <= 1 && slices.Contains(wanted, seen):
		return fine
	case slices.ContainsFunc(listed, func(v int) bool { return !slices.Contains(wanted, v) }):
		return stale
	}
	return lost
}
