package server

import (
	"hash/maphash"
	"math"
	"math/bits"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/sipring/sipring/proxy/limit"
)

// facts are what this process remembers of who has sent to it, each about a thing and
// for a time. There is room for more by powers of two, up to a bound. What finds no
// place is not remembered while the others hold, or else who registers under one forged
// address after the other had all phones forgotten; but that somebody receives, which
// nobody can forge, takes the place of what may be forged. A few may be forgotten of
// those that are added at the same time, and while room is made others are not found
// for a moment. What is forgotten is taken for new. Safe for concurrent use; nobody
// waits.
type facts struct {
	seed    maphash.Seed
	places  atomic.Pointer[places]
	growing sync.Mutex // held by whoever replaces places
}

// fact is what is remembered about a thing.
type fact uint64

const (
	registers fact = iota // a phone has registered from this address and port
	receives              // what is at this address and port has answered a request of ours
	known                 // a phone has registered from this source
	refreshed             // this address-of-record was registered from this address
)

// remembered is for how long most facts hold, in milliseconds.
const remembered = 3_600_000

// thing is the hash of what a fact is about, with a seed of this process.
type thing uint64

// A place holds most of a thing's hash, the fact, and the minute of the server's
// clock until which it holds: the bits of that last eight years.
const (
	endBits  = 22
	factBits = 2
	endMask  = 1<<endBits - 1
	hashMask = ^thing(0) &^ (1<<(endBits+factBits) - 1)
)

// line are the places of some things, of one cache line.
type line [8]atomic.Uint64

const (
	minLines = 1 << 9  // 32 KiB
	maxLines = 1 << 15 // 2 MiB
)

// places are a power of two of lines.
type places struct {
	lines []line
	shift int          // of a thing, to the number of its line
	taken atomic.Int64 // by facts that were new
}

func newPlaces(lines int) *places {
	return &places{lines: make([]line, lines), shift: 64 - bits.TrailingZeros(uint(lines))}
}

func newFacts() *facts {
	m := &facts{seed: maphash.MakeSeed()}
	m.places.Store(newPlaces(minLines))
	return m
}

// address stands for an address and port.
func (m *facts) address(a netip.AddrPort) thing {
	return thing(maphash.Comparable(m.seed, netip.AddrPortFrom(a.Addr().Unmap(), a.Port())))
}

// source stands for all that one host may send from.
func (m *facts) source(a netip.Addr) thing {
	return thing(maphash.Comparable(m.seed, limit.Source(a)))
}

// text stands for what somebody has written, such as an address-of-record.
func (m *facts) text(b []byte) thing { return thing(maphash.Bytes(m.seed, b)) }

// registration stands for an address-of-record as it is registered from an address.
func (m *facts) registration(aor []byte, a netip.Addr) thing {
	return thing(31*maphash.Bytes(m.seed, aor) ^ maphash.Comparable(m.seed, a.Unmap()))
}

// has reports whether a fact about a thing is remembered, and holds at now, in
// milliseconds.
func (m *facts) has(t thing, f fact, now int64) bool {
	p, want := m.places.Load(), word(t, f)
	l := &p.lines[t>>p.shift]
	for i := range l {
		if w := l[i].Load(); (w^want)>>endBits == 0 {
			return now/60_000 < int64(w&endMask)
		}
	}
	return false
}

// add remembers a fact about a thing at now until another time, in milliseconds, or
// for as long as it is remembered anyway.
func (m *facts) add(t thing, f fact, now, until int64) {
	p := m.places.Load()
	if p.put(t, word(t, f)|uint64(until+59_999)/60_000, now) && p.taken.Add(1)%p.eighth() == 0 {
		m.look(p, now)
	}
}

func word(t thing, f fact) uint64 { return uint64(t&hashMask) | uint64(f)<<endBits }

// put gives a word a place, if there is one for it at now, and reports whether the
// fact is new.
func (p *places) put(t thing, w uint64, now int64) bool {
	l := &p.lines[t>>p.shift]
	at, least := 0, uint64(math.MaxUint64)
	for i := range l {
		old := l[i].Load()
		if (old^w)>>endBits == 0 {
			if old&endMask < w&endMask {
				l[i].Store(w)
			}
			return false
		}
		if worth := worth(old, now); worth < least {
			at, least = i, worth
		}
	}
	if least > 0 && kind(w) != receives {
		return true
	}
	l[at].Store(w)
	return true
}

// kind is the fact of a word.
func kind(w uint64) fact { return fact(w >> endBits & (1<<factBits - 1)) }

// worth orders words by how long they hold from now, what cannot be forged last: 0 for
// what does not.
func worth(w uint64, now int64) uint64 {
	left := int64(w&endMask) - now/60_000
	switch {
	case left <= 0:
		return 0
	case kind(w) == receives:
		return 1<<endBits + uint64(left)
	}
	return uint64(left)
}

// eighth of the places.
func (p *places) eighth() int64 { return int64(len(p.lines) * len(line{}) / 8) }

// look makes twice the room where what holds at now takes so many of the places that
// some lines have none left. It is called each time an eighth of them were taken.
func (m *facts) look(p *places, now int64) {
	if len(p.lines) == maxLines || !m.growing.TryLock() {
		return
	}
	defer m.growing.Unlock()
	lasting := int64(0)
	p.each(now, func(uint64) { lasting++ })
	if lasting <= 5*p.eighth() || m.places.Load() != p {
		return
	}
	next := newPlaces(2 * len(p.lines))
	m.places.Store(next) // at once, so that it has what is added from now on
	p.each(now, func(w uint64) { next.put(thing(w), w, now) })
}

// each calls f with the words of what holds at now.
func (p *places) each(now int64, f func(uint64)) {
	for i := range p.lines {
		for j := range p.lines[i] {
			if w := p.lines[i][j].Load(); now/60_000 < int64(w&endMask) {
				f(w)
			}
		}
	}
}
