package peer

import (
	"fmt"

	"github.com/sipring/sipring/metric"
	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/wire"
)

// What is asked of all cores, one after the other.

// locate looks for an address-of-record that the contact is registered for, and
// appends what is found to dst.
func (cs *cores) locate(uri, dst []byte) ([]byte, cluster.LookupResult) {
	now, hash, all := cs.clock.now(), wire.HashURI(uri), cluster.NotFound
	for i := range cs.all {
		c, result := &cs.all[i], cluster.Unavailable
		c.mu.Lock()
		if !c.closed {
			dst, result = c.m.Locate(now, hash, uri, dst)
		}
		c.mu.Unlock()
		switch result {
		case cluster.Found:
			return dst, result
		case cluster.Unavailable:
			all = result
		}
	}
	return dst, all
}

// progress is what they hold and wait for together.
func (cs *cores) progress() cluster.Progress {
	var sum cluster.Progress
	for i := range cs.all {
		cs.all[i].mu.Lock()
		p := cs.all[i].m.Progress()
		cs.all[i].mu.Unlock()
		if i == 0 {
			sum = p
		} else {
			sum = sum.Add(p)
		}
	}
	return sum
}

// locked names those whose lock is held, as far as a look tells.
func (cs *cores) locked() []string {
	var locked []string
	for i := range cs.all {
		if !cs.all[i].mu.TryLock() {
			locked = append(locked, fmt.Sprint("core ", i))
			continue
		}
		cs.all[i].mu.Unlock()
	}
	return locked
}

// stats sums their counts.
func (cs *cores) stats() cluster.Stats {
	var sum cluster.Stats
	for i := range cs.all {
		cs.all[i].mu.Lock()
		s := cs.all[i].m.Stats()
		cs.all[i].mu.Unlock()
		metric.Sum(&sum, &s)
	}
	return sum
}
