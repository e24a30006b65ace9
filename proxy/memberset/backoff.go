package memberset

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff grows from least to most by doubling. Every wait is jittered by half
// in both directions, so that pods that lost the API together do not come back
// to it together.
type backoff struct {
	least, most, next time.Duration
}

func (b *backoff) reset() { b.next = b.least }

// wait returns early when ctx ends.
func (b *backoff) wait(ctx context.Context) {
	b.next = min(max(b.next, b.least), b.most)
	d := b.next/2 + rand.N(b.next)
	b.next *= 2
	pause(ctx, d)
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
