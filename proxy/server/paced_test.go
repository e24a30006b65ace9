package server

import (
	"testing"
	"testing/synctest"
	"time"
)

// Who has something begin all the time, as connections that come and go do, keeps no timer
// from firing. While nothing is needed nobody looks.
func TestTimersFireWhateverBegins(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]time.Duration{"once": time.Hour, "now and then": 3 * tick, "often": tick / 10, "all the time": time.Microsecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun, stop := make(chan struct{}, 1), make(chan struct{})
				looks := 0
				over := time.Now().Add(10 * tick)
				go paced(begun, stop, func() bool { return time.Now().Before(over) }, func() { looks++ })
				for time.Now().Before(over) {
					select {
					case begun <- struct{}{}:
					default:
					}
					time.Sleep(min(between, time.Until(over)))
				}
				synctest.Wait()
				if looks != 10 {
					t.Errorf("%d looks in 10 ticks", looks)
				}
				time.Sleep(10 * tick)
				if looks != 10 {
					t.Errorf("%d looks after all was over", looks)
				}
				close(stop)
			})
		})
	}
}
