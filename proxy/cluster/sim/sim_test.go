package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	seeds    = flag.Uint64("seeds", 25, "number of seeds to run in each mode")
	total    = flag.Uint64("total", 0, "number of seeds to run in all modes together, in place of -seeds")
	seed     = flag.Uint64("seed", 1, "first seed")
	dump     = flag.Bool("dump", false, "print the trace of the first seed that fails")
	failures = flag.Int("failures", 20, "failures of a mode after which it is given up; 0: never")
)

// TestSim runs the world of every mode for many seeds.
func TestSim(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a run makes much garbage and keeps little
	modes := Modes()
	share := func(i int) uint64 {
		if *total == 0 {
			return *seeds
		}
		return (*total + uint64(i)) / uint64(len(modes))
	}
	var table []string
	later := *total
	for i, m := range modes {
		later -= min(later, share(i))
		t.Run(m.Name, func(t *testing.T) { table = append(table, sweep(t, m, share(i), later)) })
	}
	t.Log("\n" + strings.Join(table, "\n"))
}

// sweep runs the seeds of one mode, and returns a line on them. later is how many seeds other modes will run after.
func sweep(t *testing.T, m Mode, n, later uint64) string {
	s := &Sweep{Mode: m, First: *seed, Seeds: n, Most: *failures}
	began, used := time.Now(), cpu()
	stop := report(s, later, began)
	first := uint64(0)
	sum := s.Run(func(o Outcome) {
		if first == 0 || o.Seed < first {
			first = o.Seed
		}
		t.Errorf("%s seed %d: %s", m.Name, o.Seed, o.Failure)
	})
	stop()
	if *dump && s.Failed() > 0 {
		fmt.Println(strings.Join(Run(Config{Seed: first, Mode: m, Trace: true}).Trace, "\n"))
	}
	t.Logf("%+v", sum)
	return fmt.Sprintf("%-10s %6d seeds %5d failed %7.1f s, %.1f seeds/s of CPU time", m.Name, s.Done(), s.Failed(),
		time.Since(began).Seconds(), float64(s.Done())/max((cpu()-used).Seconds(), 1e-3))
}

// cpu is the time that this process has spent.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report prints how far a sweep is, every ten seconds until it is stopped.
func report(s *Sweep, later uint64, began time.Time) (stop func()) {
	tick, done := time.NewTicker(10*time.Second), make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			rate := float64(s.Done()) / time.Since(began).Seconds()
			left := time.Duration(float64(s.Seeds+later-uint64(s.Done()))/max(rate, 0.01)) * time.Second
			fmt.Fprintf(os.Stderr, "%s: %d of %d seeds, %d failed, %.1f/s, %d in other modes, %s left\n",
				s.Mode.Name, s.Done(), s.Seeds, s.Failed(), rate, later, left)
		}
	}()
	return func() { tick.Stop(); close(done) }
}

// TestRepeats shows that a run is a function of its configuration: a failure can be replayed.
func TestRepeats(t *testing.T) {
	for _, m := range Modes() {
		a, b := Run(Config{Seed: 7, Mode: m, Trace: true}), Run(Config{Seed: 7, Mode: m, Trace: true})
		if a.Failure != b.Failure || !slices.Equal(a.Trace, b.Trace) {
			t.Errorf("%s: two runs of one seed differ: %q and %q", m.Name, a.Failure, b.Failure)
		}
		if c := Run(Config{Seed: 7, Mode: m}); c.Failure != a.Failure {
			t.Errorf("%s: %q without a trace, %q with one", m.Name, c.Failure, a.Failure)
		}
	}
}
