package auth

import "testing"

// Each thing is remembered for its own time, whichever was added last and ends last.
func TestMemoryHoldsEachThingForItsTime(t *testing.T) {
	m := newMemory(64)
	ends := map[uint64]int64{1: 5_000, 2: 60_000, 3: 7_999}
	for _, thing := range []uint64{1, 2, 3} {
		if m.has(thing<<40, 0) {
			t.Errorf("%d is remembered before it was there", thing)
		}
		m.add(thing<<40, ends[thing])
	}
	for now := int64(0); now < 70_000; now += 500 {
		for thing, end := range ends {
			if got, want := m.has(thing<<40, now), now/1000 <= end/1000; got != want {
				t.Errorf("%d, until %d: at %d %v", thing, end, now, got)
			}
		}
	}
}

// Whoever authenticates again and again is noted now and then, and never forgotten for that.
func TestWhoAuthenticatesOftenStaysKnown(t *testing.T) {
	f := newFailures()
	who := trier{user: 1 << 40, there: 2 << 40, here: 3 << 40, port: 4 << 40}
	for now := int64(0); now < 3*provedTime; now += 50_000 {
		f.isProved(who, now)
		for _, thing := range []uint64{who.user, who.there} {
			if !f.proved.has(thing, now) || !f.proved.has(thing, now+provedTime/2-2000) {
				t.Fatalf("forgotten at %d", now)
			}
		}
	}
}
