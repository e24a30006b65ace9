package peer

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// redundancy measures how long bindings have fewer copies than they are to have
// after the loss of a member. Its methods may be called from any goroutine.
type redundancy struct {
	cores   *cores
	metrics *metrics
	view    *current
	events  *eventLog
	log     *slog.Logger

	mu    sync.Mutex
	since time.Time // of the first loss that is not made good; zero if there is none
	names []string  // of the members lost since
}

// lost begins to measure. Every core has the view without the member already.
func (r *redundancy) lost(at time.Time, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.since.IsZero() {
		r.since, r.names = at, nil
	}
	if !slices.Contains(r.names, name) {
		r.names = append(r.names, name)
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
		took := time.Since(r.since)
		r.metrics.lossToWhole.Observe(took.Seconds())
		r.events.add(Event{Kind: EventRepaired, Epoch: r.view.epoch(), Detail: took.Round(time.Microsecond).String() + " after the loss"})
		r.log.Info("redundancy is whole again", step("repaired"), "member", strings.Join(r.names, ","), "epoch", r.view.epoch(), "afterLoss", took)
		r.since = time.Time{}
	}
}
