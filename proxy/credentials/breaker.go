package credentials

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

const (
	// breakAfter failures in a row the source counts as away.
	breakAfter = 3
	// It is tried again after firstPause, in ms, and then after ever longer up to lastPause.
	firstPause = 500
	lastPause  = 5000
)

// breaker keeps questions from a source that is away. One at a time tries whether it is back.
type breaker struct {
	until   atomic.Int64 // nothing is asked before; 0: the source is there
	probing atomic.Bool

	mu       sync.Mutex
	failures int
	pause    int64
	down     func(down bool, err error) // told when that changes
}

// up reports whether a question may be asked.
func (b *breaker) up(now int64) bool {
	until := b.until.Load()
	return until == 0 || now >= until && !b.probing.Load()
}

// enter reports whether a question is asked now, and whether by that it is the one that tries.
func (b *breaker) enter(now int64) (ok, probe bool) {
	switch until := b.until.Load(); {
	case until == 0:
		return true, false
	case now < until:
		return false, false
	}
	probe = b.probing.CompareAndSwap(false, true)
	return probe, probe
}

// open reports whether the source counts as away.
func (b *breaker) open() bool { return b.until.Load() != 0 }

// succeeded: the source answered.
func (b *breaker) succeeded(probe bool) {
	if !probe && b.until.Load() == 0 && !b.failed() {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.until.Swap(0) != 0
	b.failures, b.pause = 0, 0
	b.probing.Store(false)
	if was {
		b.down(false, nil)
	}
}

func (b *breaker) failed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures > 0
}

// away: it did not.
func (b *breaker) away(now int64, probe bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	was := b.until.Load() != 0
	if was && !probe || !was && b.failures < breakAfter {
		return
	}
	b.pause = min(max(2*b.pause, firstPause), lastPause)
	b.until.Store(max(now, 0) + b.pause*3/4 + rand.Int64N(b.pause/2) + 1)
	if probe {
		b.probing.Store(false)
	}
	if !was {
		b.down(true, err)
	}
}
