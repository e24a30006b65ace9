package sim

import (
	"flag"
	"strings"
	"testing"
)

var (
	seeds = flag.Uint64("seeds", 200, "number of seeds to run")
	seed  = flag.Uint64("seed", 1, "first seed")
	dump  = flag.Bool("dump", false, "print the trace of failing seeds")
)

// TestSim runs the world for many seeds. A seed that fails is run again with its trace.
func TestSim(t *testing.T) {
	var sum Report
	failed := 0
	for s := *seed; s < *seed+*seeds; s++ {
		r := Run(Config{Seed: s})
		sum.add(r)
		if r.Failure == "" {
			continue
		}
		failed++
		t.Errorf("seed %d: %s", s, r.Failure)
		if *dump {
			t.Log(strings.Join(Run(Config{Seed: s, Trace: true}).Trace, "\n"))
		}
		if failed >= 20 {
			t.Fatal("too many failures")
		}
	}
	t.Logf("%+v", sum)
}

// TestPartitions cuts members off from each other as well.
func TestPartitions(t *testing.T) {
	for s := *seed; s < *seed+*seeds/2; s++ {
		if r := Run(Config{Seed: s, Partitions: true}); r.Failure != "" {
			t.Errorf("seed %d: %s", s, r.Failure)
			if *dump {
				t.Log(strings.Join(Run(Config{Seed: s, Partitions: true, Trace: true}).Trace, "\n"))
			}
		}
	}
}

func (r *Report) add(o Report) {
	r.Registers += o.Registers
	r.Lookups += o.Lookups
	r.Kills += o.Kills
	r.Restarts += o.Restarts
	r.Joins += o.Joins
	r.Drains += o.Drains
	r.Blips += o.Blips
	r.Cuts += o.Cuts
	r.Pauses += o.Pauses
	r.QuietPoints += o.QuietPoints
	r.Seconds += o.Seconds
}
