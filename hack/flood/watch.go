package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sipring/sipring/demo/fleet"
)

// watch looks after the proxies as kernel and kubelet would in a pod: it kills
// what takes more memory than it may, and asks whether they live.
type watch struct {
	processes []*fleet.Process
	memory    int // MiB
	asked     int // restarts that are this program's own doing
	say       func(format string, args ...any)

	mu     sync.Mutex
	rss    []int // the most of each
	failed []int // liveness probes of each
	lived  []int // restarts of each at the last probe that succeeded
}

// The pace of a watch, and what the operator's liveness probe allows.
const (
	rssEvery     = 10 * time.Millisecond
	probeEvery   = time.Second
	probeTimeout = 2 * time.Second
	noticeTime   = 100 * time.Millisecond
)

// run looks until the context ends.
func (w *watch) run(ctx context.Context) {
	w.begin()
	var wg sync.WaitGroup
	for i, p := range w.processes {
		wg.Go(func() { every(ctx, rssEvery, func() { w.measure(i, p) }) })
		wg.Go(func() { every(ctx, probeEvery, func() { w.probe(ctx, i, p) }) })
	}
	wg.Wait()
}

func (w *watch) begin() {
	n := len(w.processes)
	w.rss, w.failed, w.lived = make([]int, n), make([]int, n), make([]int, n)
}

func every(ctx context.Context, pause time.Duration, do func()) {
	t := time.NewTicker(pause)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			do()
		}
	}
}

// measure takes the process's memory, and kills it when that is too much.
func (w *watch) measure(i int, p *fleet.Process) {
	alive, _ := p.Running()
	now, most, err := memoryOf(p.PID())
	if !alive || err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rss[i] = max(w.rss[i], most)
	if now > w.memory {
		w.say("%s takes %d MiB and is killed", p.Name, now)
		_, _ = p.Kill()
	}
}

// probe asks as a kubelet would: what began anew has until its first good answer.
func (w *watch) probe(ctx context.Context, i int, p *fleet.Process) {
	alive, restarts := p.Running()
	if !alive {
		return
	}
	asking, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := p.Live(asking)
	if err != nil {
		wait(ctx, noticeTime) // it may have been killed just now
	}
	still, now := p.Running()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.lived[i] = restarts
	case ctx.Err() == nil && still && now == restarts && w.lived[i] == restarts:
		w.failed[i]++
		w.say("liveness of %s: %v", p.Name, err)
	}
}

// into adds what was seen to a result.
func (w *watch) into(r *result) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.rss, r.restarts = slices.Clone(w.rss), -w.asked
	for i, p := range w.processes {
		_, n := p.Running()
		r.restarts += n
		if err := p.Broken(); err != nil {
			r.reasons = append(r.reasons, err.Error())
		}
		if w.failed[i] > 0 {
			r.reasons = append(r.reasons, fmt.Sprintf("%d liveness probes of %s failed", w.failed[i], p.Name))
		}
	}
}

// memoryOf is the resident memory of a process now and at most, in MiB rounded up
// (proc_pid_status(5)).
func memoryOf(pid int) (now, most int, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	if now, err = statusMiB(b, "VmRSS:"); err != nil {
		return 0, 0, err
	}
	most, err = statusMiB(b, "VmHWM:")
	return now, most, err
}

func statusMiB(status []byte, name string) (int, error) {
	for line := range bytes.Lines(status) {
		if f := bytes.Fields(line); len(f) == 3 && string(f[0]) == name && string(f[2]) == "kB" {
			kib, err := strconv.Atoi(string(f[1]))
			return (kib + 1023) / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s", name) // a process that is ending has none
}
