package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// turnLasts is how long a SIPCluster keeps its turn while no pass of it goes
	// through, as where an admission webhook hangs or refuses: whatever it was to
	// write, others do not wait for that. One whose passes go through keeps its turn,
	// however long its pods take, or fail: that may well be what the change is like.
	turnLasts = 5 * time.Minute
	// quietTime is after how long without a pass of anybody that went through the API
	// server itself is taken for the cause, and the time of each is counted anew.
	quietTime = 2 * time.Minute
)

// lapses find the SIPClusters whose passes do not go through while others' do. What
// was found stays until the SIPCluster's next write of its pods.
type lapses struct {
	last           map[types.NamespacedName]time.Time // pass of each that went through
	since, anybody time.Time                          // passes have gone through, and last
	lapsed         map[types.NamespacedName]bool
	untold         []types.NamespacedName
}

func newLapses() *lapses {
	return &lapses{last: map[types.NamespacedName]time.Time{}, lapsed: map[types.NamespacedName]bool{}}
}

// went notes that a pass went through.
func (l *lapses) went(key types.NamespacedName, now time.Time) {
	if now.Sub(l.anybody) > quietTime {
		l.since = now
	}
	l.anybody, l.last[key] = now, now
}

// over says that the turn of the SIPCluster has lapsed.
func (l *lapses) over(key types.NamespacedName, now time.Time) bool {
	from := l.since
	if last := l.last[key]; last.After(from) {
		from = last
	}
	if !l.lapsed[key] && now.Sub(l.anybody) <= quietTime && now.Sub(from) >= turnLasts {
		l.lapsed[key] = true
		l.untold = append(l.untold, key)
	}
	return l.lapsed[key]
}

// keeps takes a lapse back: its pods were written.
func (l *lapses) keeps(key types.NamespacedName) { delete(l.lapsed, key) }

func (l *lapses) forget(key types.NamespacedName) {
	delete(l.last, key)
	delete(l.lapsed, key)
}

// went notes that a pass of the SIPCluster went through.
func (t *turns) went(key types.NamespacedName, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lapses.went(key, now)
}

// lapsedNow are those whose turns have lapsed since it was asked last.
func (t *turns) lapsedNow() []types.NamespacedName {
	t.mu.Lock()
	defer t.mu.Unlock()
	told := t.lapses.untold
	t.lapses.untold = nil
	return told
}

// stepsBack says that the SIPCluster, whose turn has lapsed, leaves it to others.
func (t *turns) stepsBack(key types.NamespacedName) bool {
	if !t.lapses.lapsed[key] {
		return false
	}
	for other := range t.waiting {
		if other != key && !t.lapses.lapsed[other] {
			return true
		}
	}
	return false
}
