package peer

import (
	"sync"
	"time"
)

// redundancy measures how long bindings have fewer copies than they are to have
// after the loss of a member. Its methods may be called from any goroutine.
type redundancy struct {
	cores   *cores
	metrics *metrics

	mu    sync.Mutex
	since time.Time // of the first loss that is not made good; zero if there is none
}

// lost begins to measure. Every core has the view without the member already.
func (r *redundancy) lost(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since.IsZero() {
		r.since = at
	}
	r.look()
}

// tick looks whether redundancy is whole again, while it is not.
func (r *redundancy) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.since.IsZero() {
		r.look()
	}
}

// look ends the measurement where no binding lacks copies. Others may have made the
// loss good before this member knew of it: that counts all the same.
func (r *redundancy) look() {
	if r.cores.stats().UnderReplicated == 0 {
		r.metrics.lossToWhole.Observe(time.Since(r.since).Seconds())
		r.since = time.Time{}
	}
}
