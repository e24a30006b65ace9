package peer

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// dialling is the life of a link on the side that dials. A stream that breaks
// is dialled again at once: if that is refused or takes too long the member is
// down.
func (l *link) dialling(ctx context.Context) {
	backoff, timeout, up := minBackoff, dialTimeout, false
	for ctx.Err() == nil {
		if l.sound.wait(ctx) {
			timeout = dialTimeout
		}
		s, err := l.dialler.dial(ctx, l.id, l.peer().Address, timeout)
		if ctx.Err() != nil {
			failAll(errClosed, s)
			return
		}
		if l.sound.stuck.Load() {
			failAll(errAway, s)
			continue // who did not answer a process that is away is not down for that
		}
		if err != nil {
			if up {
				l.membership.peerDown(l, err)
				up = false
			}
			timeout = dialTimeout
			l.pause(ctx, backoff)
			backoff = min(2*backoff, maxBackoff)
			continue
		}
		l.use(s)
		l.serve(ctx, s)
		backoff, timeout, up = minBackoff, patience(s.cause()), true
	}
}

// patience is how long a peer may take to bring up another stream after one
// broke, before it counts as down: confirmTimeout after a silence, or its own
// word that it is away. What broke
// otherwise was heard until now, and a process held up for a moment is not dead:
// it gets as long as if it had fallen silent. One that refuses is down at once.
func patience(cause error) time.Duration {
	if errors.Is(cause, errSilence) || errors.Is(cause, errAway) {
		return confirmTimeout
	}
	return silence + confirmTimeout
}

// pause waits with jitter, or until the member has knocked.
func (l *link) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d/2 + rand.N(d))
	defer t.Stop()
	select {
	case <-t.C:
	case <-l.nudge:
	case <-ctx.Done():
	}
}
