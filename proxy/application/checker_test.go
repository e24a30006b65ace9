package application

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sipring/sipring/proxy/config"
)

func app(check, protocol string, port, period, failures int) *config.LocalApp {
	return &config.LocalApp{
		Port: port, Protocol: protocol, PinSeconds: new(30),
		Health: config.LocalAppHealth{Check: check, PeriodMilliseconds: period, Failures: failures},
	}
}

// script is a prober that says what the script says at that time.
type script struct {
	says  func(at time.Time) (Result, time.Duration) // and after how long
	began []time.Time
}

func (s *script) probe(ctx context.Context, deadline time.Time) Result {
	now := time.Now()
	s.began = append(s.began, now)
	r, after := s.says(now)
	if wait := time.Until(deadline); after > wait {
		r, after = Failed, wait
	}
	select {
	case <-time.After(after):
	case <-ctx.Done():
	}
	return r
}
func (*script) close() {}

// changes are when an application began or ended to serve.
type changes struct {
	mu sync.Mutex
	at []time.Time
	to []bool
}

func (c *changes) took(_ Result, serves bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.to) == 0 && !serves || len(c.to) > 0 && c.to[len(c.to)-1] == serves {
		return
	}
	c.at, c.to = append(c.at, time.Now()), append(c.to, serves)
}

// watched runs a checker with a script for a time of the bubble.
func watched(period time.Duration, failures int, says func(at time.Time) (Result, time.Duration), length time.Duration) (*script, *changes) {
	s, seen := &script{says: says}, &changes{}
	c := NewChecker(app(config.CheckOptions, config.ProtocolUDP, 5080, int(period.Milliseconds()), failures), Host(""), seen.took)
	c.prober = s
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	time.Sleep(length)
	cancel()
	<-done
	return s, seen
}

// TestHangIsEjectedInTime: within as many periods as there may be failures and what one answer may take, whenever it
// begins and however slow the answers before it were. A refusal is at the next check.
func TestHangIsEjectedInTime(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		period := time.Duration(rapid.IntRange(100, 2000).Draw(r, "period")) * time.Millisecond
		failures := rapid.IntRange(1, 6).Draw(r, "failures")
		slow := time.Duration(rapid.Int64Range(0, int64(period)-1).Draw(r, "an answer takes"))
		wellFor := 3*period + time.Duration(rapid.Int64Range(0, int64(3*period)).Draw(r, "well for"))
		ends := rapid.SampledFrom([]Result{Failed, Refused}).Draw(r, "then")
		synctest.Test(t, func(*testing.T) {
			began := time.Now()
			_, seen := watched(period, failures, func(at time.Time) (Result, time.Duration) {
				switch {
				case at.Sub(began) < wellFor:
					return Healthy, slow
				case ends == Refused:
					return Refused, 0
				}
				return Failed, time.Hour
			}, wellFor+time.Duration(failures+3)*period)
			within := time.Duration(failures+1) * period
			if ends == Refused {
				within = period
			}
			if !slices.Equal(seen.to, []bool{true, false}) {
				r.Fatalf("changes: %v", seen.to)
			}
			if took := seen.at[1].Sub(began) - wellFor; took < 0 || took > within {
				r.Fatalf("ejected %s after it ended, at most %s", took, within)
			}
		})
	})
}

// TestChecksKeepTime: they begin a period apart, however long the answers take, and what was missed while the process did
// not run is not made up for.
func TestChecksKeepTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, n := time.Now(), 0
		s, _ := watched(time.Second, 3, func(time.Time) (Result, time.Duration) {
			n++
			return Healthy, []time.Duration{0, time.Millisecond, 999 * time.Millisecond, time.Hour}[n%4]
		}, 100*time.Second+time.Millisecond)
		if len(s.began) != 101 {
			t.Errorf("%d checks", len(s.began))
		}
		for i, at := range s.began {
			if want := began.Add(time.Duration(i) * time.Second); !at.Equal(want) {
				t.Fatalf("check %d is %s late", i, at.Sub(want))
			}
		}
		s, _ = watched(time.Second, 3, func(time.Time) (Result, time.Duration) {
			if n++; n%5 == 0 {
				time.Sleep(time.Minute) // past the deadline
			}
			return Healthy, 0
		}, 10*time.Minute)
		for i, at := range s.began[1:] {
			if at.Sub(s.began[i]) < time.Second {
				t.Fatalf("two checks %s apart", at.Sub(s.began[i]))
			}
		}
	})
}

// TestRefusedCallEjects at once; without checks it serves again two periods later, and from the start.
func TestRefusedCallEjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &changes{}
		c := NewChecker(app(config.CheckNone, config.ProtocolUDP, 5080, 1000, 3), Host(""), seen.took)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.Run(ctx) }()
		synctest.Wait()
		if !c.Serves() {
			t.Error("it does not serve from the start")
		}
		time.Sleep(5*time.Second + time.Millisecond)
		refused := time.Now()
		c.Refused()
		if c.Serves() {
			t.Error("it serves, and has refused a call")
		}
		time.Sleep(3 * time.Second)
		cancel()
		<-done
		if !slices.Equal(seen.to, []bool{true, false, true}) {
			t.Fatalf("changes: %v", seen.to)
		}
		if after := seen.at[2].Sub(refused); after > 2*time.Second {
			t.Errorf("it serves again after %s", after)
		}
	})
}
