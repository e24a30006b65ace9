package memberset

import (
	"context"
	"math"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// backoff grows from least to most by doubling. Every wait is jittered by half
// in both directions, so that pods that lost the API together do not come back
// to it together.
func backoff(least, most time.Duration) wait.Backoff {
	return wait.Backoff{Duration: least / 2, Cap: most / 2, Factor: 2, Jitter: 2, Steps: math.MaxInt}
}

// pause returns false when ctx ended first.
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
