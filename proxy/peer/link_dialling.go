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
//
// Who was away itself waits for the longest pause between two dials of the others, and
// as long as one may take: its word that it is back may be lost, and should it take
// those that live for dead it would serve what they have superseded.
func patience(cause error) time.Duration {
	switch {
	case errors.Is(cause, errSilence), errors.Is(cause, errAway):
		return confirmTimeout
	case errors.Is(cause, errBack):
		return longestPause + dialTimeout
	}
	return silence + confirmTimeout
}

// longestPause is how long pause waits at the most.
const longestPause = maxBackoff * 3 / 2

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
