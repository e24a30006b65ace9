package server

import (
	"context"
	"time"
)

const (
	// drainPoll is how often Settle and Drain look.
	drainPoll = 20 * time.Millisecond
	// drainQuiet is how long no request may have come: whoever steers traffic has
	// then taken this proxy out.
	drainQuiet = time.Second
)

// Settle waits until every request that was taken has its final response, or
// ctx ends. The server goes on serving meanwhile, and after it, until Close.
func (s *Server) Settle(ctx context.Context) {
	s.poll(ctx, func() bool { return s.table.Stats().Open == 0 })
}

// Drain is Settle that also waits until for a second no new request came.
func (s *Server) Drain(ctx context.Context) {
	seen, since := s.metrics.allRequests(), time.Now()
	s.poll(ctx, func() bool {
		if n := s.metrics.allRequests(); n != seen {
			seen, since = n, time.Now()
		}
		return s.table.Stats().Open == 0 && time.Since(since) >= drainQuiet
	})
}

// poll returns when done does, or ctx ends.
func (s *Server) poll(ctx context.Context, done func() bool) {
	t := time.NewTicker(drainPoll)
	defer t.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
