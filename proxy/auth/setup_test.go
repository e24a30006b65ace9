package auth

import (
	"sync"
	"testing"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/credentials"
	"github.com/sipring/sipring/proxy/routing"
)

// TestSetupsAreBounded: of one user so many and no more, however many try at a time, and
// nothing is left of them.
func TestSetupsAreBounded(t *testing.T) {
	const most, users, tries = 3, 100, 8
	s := newSetups()
	var begun [users + 1]int
	var mu sync.Mutex
	var wait sync.WaitGroup
	for range tries {
		wait.Go(func() {
			for user := uint64(1); user <= users; user++ {
				if s.begin(user, most) {
					mu.Lock()
					begun[user]++
					mu.Unlock()
				}
			}
		})
	}
	wait.Wait()
	for user := uint64(1); user <= users; user++ {
		if begun[user] != most {
			t.Errorf("user %d has begun %d calls, want %d", user, begun[user], most)
		}
		s.end(user)
		if !s.begin(user, most) || s.begin(user, most) {
			t.Errorf("user %d: of one that has ended not one other is let in", user)
		}
		for range most {
			s.end(user)
		}
	}
	for i := range s {
		if n := len(s[i].calls); n != 0 {
			t.Errorf("%d users are left who have no call", n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { s.begin(1, most); s.end(1) }); n != 0 && !raceDetector {
		t.Errorf("%v allocations", n)
	}
}

// TestSetupsOutlastTheirBound: what was counted is taken off whatever the configuration
// says meanwhile, and a new bound is for all.
func TestSetupsOutlastTheirBound(t *testing.T) {
	r := newRig(t)
	bound := func(most int) {
		c := &config.Config{Cluster: "test", Domains: []string{"example.com"}, Authentication: &config.Authentication{
			Credentials: config.Credentials{Files: []string{"unused"}}, Calls: config.CallLimits{InSetup: most},
		}}
		c.ApplyDefaults()
		if err := r.gate.Configure(c, credentials.Store(secrets{})); err != nil {
			t.Fatal(err)
		}
	}
	checks := r.gate.Checks()
	begins := func() bool {
		var d routing.Decision
		scanned := scan(register(""))
		r.decide(scanned, &d)
		return checks.Begins(7, &d)
	}
	bound(1)
	if !begins() || begins() {
		t.Error("of one that may be set up, not one is")
	}
	bound(0)
	if !begins() {
		t.Error("without a bound none is set up")
	}
	bound(2)
	if begins() {
		t.Error("those of before do not count")
	}
	checks.Ends(7)
	if !begins() {
		t.Error("one that has ended counts")
	}
	if got := r.gate.metrics.results[resultTooManyCalls].Load(); got != 2 {
		t.Errorf("%d are counted as too many, want 2", got)
	}
}
