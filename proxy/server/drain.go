package server

import (
	"context"
	"time"
)

const (
	// drainPoll is how often Settle and Drain look.
	drainPoll = 20 * time.Millisecond
	// drainQuiet is for how long no request may have come: whoever steers traffic has
	// then taken this proxy out.
	drainQuiet = time.Second
)

// Settle waits until every request that was taken has its final response, or
// ctx ends. The server goes on serving meanwhile, and after it, until Close.
func (s *Server) Settle(ctx context.Context) {
	poll(ctx, func(time.Time) bool { return s.table.Stats().Open == 0 })
}

// Drain is Settle that also waits until for a second no new request came.
func (s *Server) Drain(ctx context.Context) {
	var q quiet
	poll(ctx, func(now time.Time) bool {
		return q.lasts(now, s.metrics.allRequests()) && s.table.Stats().Open == 0
	})
}

// poll returns when done does, or ctx ends. done is told when it was due.
func poll(ctx context.Context, done func(now time.Time) bool) {
	t := time.NewTicker(drainPoll)
	defer t.Stop()
	for now := time.Now(); !done(now); {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			now = time.Now()
		}
	}
}

// quiet is the time in which no request came. What this process did not see counts
// for nothing: while it does not run, nobody takes from the sockets what is in them.
type quiet struct {
	looked   time.Time
	requests uint64
	lasted   time.Duration
}

// lasts takes how many requests have come until now, and reports whether that is the
// same for drainQuiet.
func (q *quiet) lasts(now time.Time, requests uint64) bool {
	passed := min(now.Sub(q.looked), 2*drainPoll)
	if q.looked.IsZero() || requests != q.requests {
		passed, q.lasted = 0, 0
	}
	q.looked, q.requests = now, requests
	q.lasted += passed
	return q.lasted >= drainQuiet
}
