package sim

import (
	"fmt"
	"math/rand/v2"
	"runtime/debug"

	"github.com/sipring/sipring/proxy/cluster"
)

// Config of a run. Equal configurations are equal runs.
type Config struct {
	Seed uint64
	// Mode is what may happen beside the ordinary. The zero Mode is the first of Modes.
	Mode Mode
	// Trace keeps a line for everything that happens.
	Trace bool
}

// Report is the outcome of a run.
type Report struct {
	// Failure is what was violated first, empty if nothing was.
	Failure string
	// Trace is what happened, if Config.Trace.
	Trace []string
	// Registers and Lookups that were begun, and how often all was at rest and checked.
	Registers, Lookups, QuietPoints int
	// Faults counts what went wrong, by name.
	Faults map[string]int
	// Counts of every core there was, at its end.
	Counts []cluster.Stats
	// Seconds of virtual time.
	Seconds float64
}

const (
	second    = 1_000_000 // µs
	ms        = 1_000
	tick      = 20 * ms
	restTicks = 15                // ticks that a core without anything under way sleeps
	epoch2026 = 1_767_225_600_000 // the virtual clock's start, Unix ms

	maxSeconds = 1200
	maxEvents  = 20_000_000
)

// world is one run.
type world struct {
	rules
	cfg    Config
	rng    *rand.Rand
	queue  queue
	now    int64 // µs
	report Report

	// drawn from the seed
	replicas          int // that are promised
	partitions, cores int
	pause             int64 // between the requests of a phone, at most, µs

	processes []*process // every process there ever was
	members   []*process // the running process of each member, by ID-1; nil if there is none
	phones    []*phone
	disturbed int64 // when something last went wrong, or was mended, µs
	hush      bool  // phones begin nothing new
	stopped   bool

	// those who make it go on, each of which owns its fields
	network    network
	cuts       cuts
	operator   operator
	supervisor supervisor
	saboteur   saboteur
	director   director
	judge      judge
	observer   observer
}

// inhabited gives the world to those who make it go on.
func (w *world) inhabited() *world {
	w.network.w, w.cuts.w, w.operator.w, w.supervisor.w = w, w, w, w
	w.saboteur.w, w.director.w, w.judge.w, w.observer.w = w, w, w, w
	w.network.links = map[[2]uint32]*link{}
	return w
}

// Run runs the world of the configuration until its script has ended or something is violated.
func Run(cfg Config) (r Report) {
	w := (&world{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x5149))}).inhabited()
	w.report.Faults = map[string]int{}
	defer func() {
		if cause := recover(); cause != nil {
			w.fail("sanity", "panic: %v\n%s", cause, debug.Stack())
		}
		r = w.report
		r.Seconds = float64(w.now) / second
		for _, p := range w.processes {
			for _, c := range p.cores {
				r.Counts = append(r.Counts, c.Stats())
			}
		}
	}()
	w.draw()
	w.director.script()
	for n := 0; !w.stopped && w.report.Failure == "" && w.queue.Len() > 0; n++ {
		e := w.queue.next()
		w.now = e.at
		e.do()
		if w.now > maxSeconds*second || n > maxEvents {
			w.fail("agreement", "the run does not end")
		}
	}
	return
}

// draw draws the world from the seed.
func (w *world) draw() {
	w.replicas = 1 + w.pick(1, 6, 3)
	w.partitions = []int{16, 64, 96}[w.rng.IntN(3)]
	w.cores = 1 + w.rng.IntN(2)
	w.ordinary()
	if w.cfg.Mode.add == nil {
		w.cfg.Mode = single()[0]
	}
	w.cfg.Mode.add(w)
	if w.stops && w.replicas > 1 {
		w.sometimes(w.saboteur.suspend, 8)
	}
	w.pause = []int64{second / 5, 3 * second, 3 * second}[w.rng.IntN(3)]
	if w.long || w.looks > 1000 {
		w.pause = 4 * second
	}
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

// count notes a fault, and that the world is not as it was.
func (w *world) count(name string) {
	w.report.Faults[name]++
	w.disturb()
}

func (w *world) disturb() { w.disturbed = w.now }

// fail ends the run.
func (w *world) fail(invariant, format string, args ...any) {
	if w.report.Failure == "" {
		w.report.Failure = fmt.Sprintf("%s violated at %.6f: ", invariant, float64(w.now)/second) + fmt.Sprintf(format, args...)
		w.trace("%s", w.report.Failure)
	}
}
