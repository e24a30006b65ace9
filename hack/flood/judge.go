package main

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// tally is what the good phones experienced. Safe for concurrent use.
type tally struct {
	mu     sync.Mutex
	took   []time.Duration // of those answered
	failed int
	why    []string // the first few
}

// keepWhy is how many reasons are kept.
const keepWhy = 3

// add notes a request of that method: how long its answer took, or why there was
// none that is good.
func (t *tally) add(method, user string, took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.took = append(t.took, took)
		return
	}
	t.failed++
	if len(t.why) < keepWhy {
		t.why = append(t.why, fmt.Sprintf("%s of %s: %v", method, user, err))
	}
}

// result is what came of one attack.
type result struct {
	attack   string
	took     []time.Duration // good requests, ascending
	failed   int
	rss      []int // MiB, the most that each proxy took
	restarts int
	reasons  []string // that the phones, the proxies and the attack give for a failure
	note     string   // what the attack did
}

// result of the tally so far.
func (t *tally) result(attack string) result {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := result{attack: attack, took: slices.Sorted(slices.Values(t.took)), failed: t.failed, reasons: slices.Clone(t.why)}
	return r
}

// limits are what a result has to keep to.
type limits struct {
	p99    time.Duration
	memory int // MiB
	// requests is how many good ones there must have been: with fewer the phones
	// themselves did not work.
	requests int
}

// quantile is the smallest time within which that share of the answers came; 0
// without any.
func (r result) quantile(share float64) time.Duration {
	if len(r.took) == 0 {
		return 0
	}
	i := int(math.Ceil(share*float64(len(r.took)))) - 1
	return r.took[min(max(i, 0), len(r.took)-1)]
}

func (r result) requests() int { return len(r.took) + r.failed }

// answered is the share of good requests that were answered, in percent, rounded
// down: 100 means all.
func (r result) answered() float64 {
	if r.requests() == 0 {
		return 0
	}
	return math.Floor(1000*float64(len(r.took))/float64(r.requests())) / 10
}

// faults are the reasons for which the attack had success; none if it failed.
func (r result) faults(l limits) (faults []string) {
	if n := r.requests(); n < l.requests {
		faults = append(faults, fmt.Sprintf("only %d good requests, %d were due", n, l.requests))
	}
	if r.failed > 0 {
		faults = append(faults, fmt.Sprintf("%d good requests failed", r.failed))
	}
	if p := r.quantile(0.99); p >= l.p99 {
		faults = append(faults, fmt.Sprintf("p99 %s", milliseconds(p)))
	}
	for i, mib := range r.rss {
		if mib > l.memory {
			faults = append(faults, fmt.Sprintf("proxy-%d took %d MiB", i, mib))
		}
	}
	if r.restarts > 0 {
		faults = append(faults, fmt.Sprintf("%d restarts", r.restarts))
	}
	return append(faults, r.reasons...)
}

// onlySlow tells whether being slow is all that is wrong.
func (r result) onlySlow(l limits) bool {
	patient := l
	patient.p99 = math.MaxInt64
	return len(r.faults(l)) > 0 && len(r.faults(patient)) == 0
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
