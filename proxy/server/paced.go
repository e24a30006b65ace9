package server

import "time"

// paced calls look a tick after begun said that there is something to look at, and each
// tick from then on while needed says so, until stop is closed. What begins meanwhile, as
// often as it may, puts nothing off.
func paced(begun, stop <-chan struct{}, needed func() bool, look func()) {
	t := time.NewTimer(tick)
	defer t.Stop()
	for pending := true; ; {
		select {
		case <-begun:
		case <-t.C:
			pending = false
			look()
		case <-stop:
			return
		}
		if !pending && needed() {
			pending = true
			t.Reset(tick)
		}
	}
}
