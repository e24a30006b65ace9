package server

import (
	"context"
	"time"
)

const (
	moveTick = 100 * time.Millisecond
	// leastMoved is how many connections are ended each time, at least.
	leastMoved = 5
)

// MoveOff ends the connections of this process, one after the other over a time, or until
// ctx ends: those first over which nothing came for longest, which have no call as a rule.
// Their phones come back to other members, and not all at once.
func (s *Server) MoveOff(ctx context.Context, over time.Duration) {
	t := time.NewTicker(moveTick)
	defer t.Stop()
	for left := max(int(over/moveTick), 1); ; left = max(left-1, 1) {
		n := max((s.registrants.len()+left-1)/left, leastMoved)
		if s.layer.Idle(n) == 0 && s.registrants.len() == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
