package sim

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Outcome is a run that has failed.
type Outcome struct {
	Seed    uint64
	Failure string
}

// Sweep is many runs of one mode.
type Sweep struct {
	Mode  Mode
	First uint64 // seed
	Seeds uint64
	// Most is the number of failures after which no more runs are begun; 0: none is too many.
	Most int

	done, failed atomic.Int64
}

// Done is how many runs have ended. It may be asked while Run runs.
func (s *Sweep) Done() int64 { return s.done.Load() }

// Failed is how many of them failed.
func (s *Sweep) Failed() int64 { return s.failed.Load() }

// Run runs all, on every CPU. It tells each failure as it comes, one at a time, and returns the sum of the reports.
func (s *Sweep) Run(tell func(Outcome)) (sum Report) {
	sum.Faults = map[string]int{}
	var next atomic.Uint64
	var lock sync.Mutex
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= s.Seeds || s.Most > 0 && s.Failed() >= int64(s.Most) {
					return
				}
				r := Run(Config{Seed: s.First + i, Mode: s.Mode})
				lock.Lock()
				sum.add(r)
				if r.Failure != "" {
					s.failed.Add(1)
					tell(Outcome{s.First + i, r.Failure})
				}
				lock.Unlock()
				s.done.Add(1)
			}
		})
	}
	wait.Wait()
	return sum
}

func (r *Report) add(o Report) {
	r.Registers += o.Registers
	r.Lookups += o.Lookups
	r.QuietPoints += o.QuietPoints
	r.Seconds += o.Seconds
	for name, n := range o.Faults {
		r.Faults[name] += n
	}
}
