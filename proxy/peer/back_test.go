package peer

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// TestWhoWasAwayWaitsForThoseThatPause: others that have given it up, and do not hear
// that it is back, dial again within its patience, however long they pause.
func TestWhoWasAwayWaitsForThoseThatPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &link{nudge: make(chan struct{})}
		for range 100 {
			began := time.Now()
			l.pause(t.Context(), maxBackoff)
			if took, most := time.Since(began)+dialTimeout, patience(fmt.Errorf("no stream: %w", errBack)); took > most {
				t.Fatalf("there after %v, given up after %v", took, most)
			}
		}
	})
	for _, cause := range []error{errSilence, errAway, errors.Join(context.Canceled)} {
		if patience(cause) > silence+confirmTimeout {
			t.Errorf("%v: a peer is given %v", cause, patience(cause))
		}
	}
}
