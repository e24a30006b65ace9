package server

import (
	"context"
	"time"
)

// drainPoll is how often Drain looks whether transactions have ended.
const drainPoll = 20 * time.Millisecond

// Drain waits until every request that was taken has its final response, or
// ctx ends. The server goes on serving meanwhile, and after it, until Close.
func (s *Server) Drain(ctx context.Context) {
	t := time.NewTicker(drainPoll)
	defer t.Stop()
	for s.table.Stats().Open > 0 {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
