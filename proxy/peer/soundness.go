package peer

import (
	"context"
	"sync"
	"sync/atomic"
)

// soundness is whether the cores of this process make steps. Safe for concurrent
// use; the hot path only loads stuck.
type soundness struct {
	stuck atomic.Bool

	mu    sync.Mutex
	sound chan struct{} // closed as the process is sound again; nil while it is
}

// lose says that they make none. Only the watchdog calls it and regain, in turn.
func (s *soundness) lose() {
	s.mu.Lock()
	s.sound = make(chan struct{})
	s.mu.Unlock()
	s.stuck.Store(true)
}

// regain says that they make steps again.
func (s *soundness) regain() {
	s.stuck.Store(false)
	s.mu.Lock()
	close(s.sound)
	s.sound = nil
	s.mu.Unlock()
}

// wait waits while the process is stuck, or until the context ends, and reports
// whether there was anything to wait for.
func (s *soundness) wait(ctx context.Context) (waited bool) {
	for s.stuck.Load() {
		s.mu.Lock()
		sound := s.sound
		s.mu.Unlock()
		if sound == nil {
			continue // between the two words of regain
		}
		waited = true
		select {
		case <-sound:
		case <-ctx.Done():
			return true
		}
	}
	return waited
}
