package auth

import "sync/atomic"

// memory remembers things by their hashes, each for a time, in a fixed number of places.
// What finds none takes that of what is forgotten first. Safe for concurrent use; nobody
// waits.
type memory struct {
	lines []memoryLine
	last  atomic.Int64 // the second from which on nothing is remembered
}

// memoryLine is of one cache line.
type memoryLine [8]atomic.Uint64

// A place holds most of a hash, and the second of the server's clock until which it
// holds: the bits of that last two years.
const (
	memoryBits = 26
	untilMask  = 1<<memoryBits - 1
)

// newMemory has room for a power of two of things, at least 8.
func newMemory(places int) *memory {
	return &memory{lines: make([]memoryLine, places/len(memoryLine{}))}
}

// has reports whether a thing is remembered at now, in milliseconds.
func (m *memory) has(hash uint64, now int64) bool {
	if now/1000 >= m.last.Load() {
		return false // as in peace, where nobody is banned
	}
	l := &m.lines[hash&uint64(len(m.lines)-1)]
	for i := range l {
		if w := l[i].Load(); (w^hash)>>memoryBits == 0 {
			return now/1000 < int64(w&untilMask)
		}
	}
	return false
}

// add remembers a thing until a time in milliseconds.
func (m *memory) add(hash uint64, until int64) {
	end := until/1000 + 1
	for last := m.last.Load(); last < end && !m.last.CompareAndSwap(last, end); last = m.last.Load() {
	}
	l := &m.lines[hash&uint64(len(m.lines)-1)]
	at := 0
	for i := range l {
		w := l[i].Load()
		if (w^hash)>>memoryBits == 0 {
			at = i
			break
		}
		if w&untilMask < l[at].Load()&untilMask {
			at = i
		}
	}
	if w := hash&^untilMask | uint64(end); l[at].Load() != w {
		l[at].Store(w)
	}
}
