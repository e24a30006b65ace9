package server

import (
	"context"
	"time"
)

const (
	// drainPoll is how often Drain looks.
	drainPoll = 20 * time.Millisecond
	// drainQuiet is how long no request may have come: whoever steers traffic has
	// then taken this proxy out.
	drainQuiet = time.Second
)

// Drain waits until every request that was taken has its final response and for
// a second no new one came, or ctx ends. The server goes on serving meanwhile,
// and after it, until Close.
func (s *Server) Drain(ctx context.Context) {
	t := time.NewTicker(drainPoll)
	defer t.Stop()
	seen, since := s.metrics.allRequests(), time.Now()
	for s.table.Stats().Open > 0 || time.Since(since) < drainQuiet {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if n := s.metrics.allRequests(); n != seen {
			seen, since = n, time.Now()
		}
	}
}
