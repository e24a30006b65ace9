package sim

import (
	"fmt"
	"math/rand/v2"
)

// Config of a run. Equal configurations are equal runs.
type Config struct {
	Seed uint64
	// Trace keeps a line for everything that happens.
	Trace bool
	// Partitions cuts links between members that live, for seconds. While that lasts, and until it has healed, members
	// can not know of each other's updates: only agreement is checked then.
	Partitions bool
}

// Report is the outcome of a run.
type Report struct {
	// Failure is what was violated first, empty if nothing was.
	Failure string
	// Trace is what happened, if Config.Trace.
	Trace []string
	// What was done.
	Registers, Lookups, Kills, Restarts, Joins, Drains, Blips, Cuts, Pauses, QuietPoints int
	// Seconds of virtual time.
	Seconds float64
}

const (
	second    = 1_000_000 // µs
	ms        = 1_000
	tick      = 20 * ms
	restTicks = 15                // ticks that a core without anything under way sleeps
	epoch2026 = 1_767_225_600_000 // the virtual clock's start, Unix ms
)

// world is one run.
type world struct {
	cfg    Config
	rng    *rand.Rand
	queue  queue
	now    int64 // µs
	report Report

	// drawn from the seed
	replicas, partitions, cores int
	pause                       int64 // between the requests of a phone, at most, µs
	stops                       bool  // processes are stopped for seconds; bindings do not expire then

	processes []*process // every process there ever was
	members   []*process // the running process of each member, by ID-1; nil if there is none
	links     map[[2]uint32]*link
	operator  operator
	phones    []*phone
	cut       bool // a partition lasts, or has not healed
	hush      bool // phones begin nothing new
	stopped   bool
}

// Run runs the world of the configuration until its script has ended or something is violated.
func Run(cfg Config) Report {
	w := &world{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x5149)), links: map[[2]uint32]*link{}}
	w.replicas = 1 + w.pick(1, 6, 3)
	w.partitions = []int{16, 64, 96}[w.rng.IntN(3)]
	w.cores = 1 + w.rng.IntN(2)
	w.pause = []int64{second / 5, 3 * second, 3 * second}[w.rng.IntN(3)]
	w.stops = w.rng.IntN(2) == 0
	w.script()
	for !w.stopped && w.report.Failure == "" && w.queue.Len() > 0 {
		e := w.queue.next()
		w.now = e.at
		e.do()
		if w.now > 600*second {
			w.fail("agreement", "the run does not end")
		}
	}
	w.report.Seconds = float64(w.now) / second
	return w.report
}

// pick draws an index by weight.
func (w *world) pick(weights ...int) int {
	sum := 0
	for _, n := range weights {
		sum += n
	}
	x := w.rng.IntN(sum)
	for i, n := range weights {
		if x < n {
			return i
		}
		x -= n
	}
	panic("unreachable")
}

// between draws a duration, in the unit of its bounds.
func (w *world) between(low, high int64) int64 { return low + w.rng.Int64N(high-low+1) }

func (w *world) after(d int64, do func()) { w.queue.add(w.now+d, do) }

func (w *world) trace(format string, args ...any) {
	if w.cfg.Trace {
		w.report.Trace = append(w.report.Trace, fmt.Sprintf("%12.6f ", float64(w.now)/second)+fmt.Sprintf(format, args...))
	}
}

// fail ends the run.
func (w *world) fail(invariant, format string, args ...any) {
	if w.report.Failure == "" {
		w.report.Failure = fmt.Sprintf("%s violated at %.6f: ", invariant, float64(w.now)/second) + fmt.Sprintf(format, args...)
		w.trace("%s", w.report.Failure)
	}
}
