package server

import (
	"sync"
	"testing"
	"unsafe"
)

// each of n things, as evenly spread as hashes are.
func things(n int) []thing {
	all, x := make([]thing, n), uint64(1)
	for i := range all {
		x += 0x9e3779b97f4a7c15 // splitmix64
		z := (x ^ x>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		all[i] = thing(z ^ z>>31)
	}
	return all
}

// held is how many of the things are remembered.
func (m *facts) held(all []thing, f fact, now int64) (n int) {
	for _, t := range all {
		if m.has(t, f, now) {
			n++
		}
	}
	return n
}

func (m *facts) size() int { return len(m.places.Load().lines) * int(unsafe.Sizeof(line{})) }

// Room grows with what is remembered, so that few are forgotten, and
// no further than its bound.
func TestFactsGrow(t *testing.T) {
	for _, tt := range []struct{ things, least, most int }{
		{0, 0, 32 << 10},
		{2000, 2000 - 20, 32 << 10},
		{20_000, 19_400, 256 << 10},
		{150_000, 145_000, 2 << 20},
		{300_000, 200_000, 2 << 20},
	} {
		m, all := newFacts(), things(tt.things)
		for i := range 2 * len(all) { // each a second time, as phones register again
			m.add(all[i%len(all)], refreshed, 0, remembered)
		}
		if n, size := m.held(all, refreshed, 1), m.size(); n < tt.least || size > tt.most {
			t.Errorf("%d of %d are remembered in %d bytes, want %d in %d", n, tt.things, size, tt.least, tt.most)
		}
		if n := m.held(all, known, 1); n > 0 {
			t.Errorf("%d of %d have a fact that nobody added", n, tt.things)
		}
	}
}

// What has ended makes room, so that a stream of what is forgotten again takes no
// more memory than what lasts.
func TestFactsThatEndMakeRoom(t *testing.T) {
	m, all := newFacts(), things(100_000)
	for i, x := range all {
		now := int64(i) * 3_600 // a thousand an hour
		m.add(x, refreshed, now, now+remembered)
	}
	if m.size() > 32<<10 {
		t.Errorf("%d bytes for a thousand things at a time", m.size())
	}
	if n := m.held(all[99_100:], refreshed, 99_999*3_600); n < 890 {
		t.Errorf("%d of the last 900 are remembered", n)
	}
}

// A fact holds until the later of the times that it was added for. Another one about
// the same thing is another matter.
func TestFactsHoldTheLongest(t *testing.T) {
	m, x := newFacts(), things(1)[0]
	const minute = 60_000
	m.add(x, known, 0, 50*minute)
	m.add(x, known, minute, 5*minute)
	m.add(x, receives, 0, 5*minute)
	for _, tt := range []struct {
		fact fact
		now  int64
		want bool
	}{
		{known, 49 * minute, true},
		{known, 50 * minute, false},
		{receives, 4 * minute, true},
		{receives, 5 * minute, false},
		{registers, 0, false},
		{refreshed, 0, false},
	} {
		if got := m.has(x, tt.fact, tt.now); got != tt.want {
			t.Errorf("fact %d at %d: %v", tt.fact, tt.now, got)
		}
	}
	m.add(x, known, 60*minute, 70*minute)
	if !m.has(x, known, 69*minute) {
		t.Error("not known again")
	}
}

// Who makes up as many things as there is room for, and more, has nobody forgotten. That
// somebody receives cannot be made up, and is remembered.
func TestForgedThingsHaveNobodyForgotten(t *testing.T) {
	m, all := newFacts(), things(1_010_000)
	phones, made, proven := all[:5000], all[5000:1_005_000], all[1_005_000:]
	for i := range 2 * len(phones) { // each a second time, as phones register again
		m.add(phones[i%len(phones)], known, 0, remembered/2)
	}
	before := m.held(phones, known, 1)
	for _, x := range made {
		m.add(x, known, 0, 10*remembered)
	}
	if n := m.held(phones, known, 1); n < before || before < len(phones)*95/100 || m.size() > 2<<20 {
		t.Errorf("%d of %d phones are known in %d bytes, %d were before", n, len(phones), m.size(), before)
	}
	for _, x := range proven {
		m.add(x, receives, 0, remembered)
	}
	if n := m.held(proven, receives, 1); n != len(proven) {
		t.Errorf("%d of %d are known to receive", n, len(proven))
	}
}

// Whoever adds at the same time, nothing is remembered that nobody added, and there is
// room for it all when it is added again.
func TestFactsAreAddedAtOnce(t *testing.T) {
	m, all := newFacts(), things(50_000)
	var adding sync.WaitGroup
	for part := range 4 {
		adding.Go(func() {
			for i := part; i < len(all)/2; i += 4 {
				m.add(all[i], fact(i%2), 0, remembered)
				m.has(all[i], registers, 0)
			}
		})
	}
	adding.Wait()
	if n := m.held(all[len(all)/2:], registers, 0) + m.held(all[len(all)/2:], receives, 0); n > 0 {
		t.Errorf("%d things that nobody added", n)
	}
	for range 2 {
		for i, x := range all[:len(all)/2] {
			m.add(x, fact(i%2), 0, remembered)
		}
	}
	if n := m.held(all[:len(all)/2], registers, 0); n < 12_500*9/10 {
		t.Errorf("%d of 12500 are remembered", n)
	}
}

func BenchmarkFacts(b *testing.B) {
	m, all := newFacts(), things(20_000)
	for i := 0; b.Loop(); i++ {
		x := all[i%len(all)]
		if !m.has(x, refreshed, int64(i)) {
			m.add(x, refreshed, int64(i), int64(i)+remembered)
		}
	}
}
