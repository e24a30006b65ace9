package main

import (
	"math/rand/v2"
	"sync"
	"time"
)

// late publishes member sets, each after a random delay of its own. A set that
// a newer one has overtaken is not published any more, unless sets may be
// reordered. Safe for concurrent use.
type late struct {
	write   func(content []byte) error
	say     func(format string, args ...any)
	reorder bool

	mu      sync.Mutex
	rng     *rand.Rand
	max     time.Duration // 0: at once
	newest  uint64        // epoch published
	pending map[*time.Timer]struct{}
	stopped bool
}

func newLate(rng *rand.Rand, reorder bool, write func([]byte) error, say func(string, ...any)) *late {
	return &late{rng: rng, reorder: reorder, write: write, say: say, pending: map[*time.Timer]struct{}{}}
}

// delay makes what is published from now on up to d late.
func (l *late) delay(d time.Duration) {
	l.mu.Lock()
	l.max = d
	l.mu.Unlock()
}

// publish takes a set that was decided on.
func (l *late) publish(epoch uint64, content []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return nil
	}
	if l.max == 0 {
		return l.put(epoch, content)
	}
	d := time.Duration(l.rng.Int64N(int64(l.max)))
	l.say("epoch %d is decided on, and published in %.1f s", epoch, d.Seconds())
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.pending, t)
		if l.stopped {
			return
		}
		if err := l.put(epoch, content); err != nil {
			l.say("cannot publish epoch %d: %v", epoch, err)
		}
	})
	l.pending[t] = struct{}{}
	return nil
}

// put writes the set unless a newer one is there. The lock is held.
func (l *late) put(epoch uint64, content []byte) error {
	if epoch < l.newest && !l.reorder {
		l.say("epoch %d is overtaken by %d", epoch, l.newest)
		return nil
	}
	if err := l.write(content); err != nil {
		return err
	}
	l.newest = epoch
	l.say("epoch %d is published", epoch)
	return nil
}

// epoch is what was published last.
func (l *late) epoch() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.newest
}

// stop publishes nothing any more.
func (l *late) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	for t := range l.pending {
		t.Stop()
	}
}
