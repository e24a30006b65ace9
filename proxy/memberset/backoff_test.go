package memberset

import (
	"testing"
	"time"
)

// TestBackoffDoublesUpToItsMost: each wait lies within half of its length on
// either side, and the last length goes on.
func TestBackoffDoublesUpToItsMost(t *testing.T) {
	first := map[time.Duration]bool{}
	for range 100 {
		first[backoff(minLeaseBackoff, maxLeaseBackoff).DelayFunc()()] = true
		delay := backoff(minLeaseBackoff, maxLeaseBackoff).DelayFunc()
		for length, n := minLeaseBackoff, 0; n < 100; length, n = min(2*length, maxLeaseBackoff), n+1 {
			if d := delay(); d < length/2 || d > length+length/2 {
				t.Fatalf("wait %d is %v, want %v give or take half", n, d, length)
			}
		}
	}
	if len(first) == 1 {
		t.Errorf("all of 100 wait %v at first", first)
	}
}
