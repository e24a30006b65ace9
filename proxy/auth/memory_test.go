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
