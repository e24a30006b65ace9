package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sipring/sipring/demo/fleet"
)

func TestStatusMiB(t *testing.T) {
	status := []byte("Name:\tVmRSS: 5 kB\nVmHWM:\t    1025 kB\nVmRSS:\t    1024 kB\nVmSwap:\t 7\n")
	for name, want := range map[string]int{"VmRSS:": 1, "VmHWM:": 2} {
		if got, err := statusMiB(status, name); got != want || err != nil {
			t.Errorf("%s %d, %v, want %d", name, got, err, want)
		}
	}
	for _, name := range []string{"VmSwap:", "VmPeak:"} {
		if _, err := statusMiB(status, name); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	if now, most, err := memoryOf(os.Getpid()); err != nil || now < 1 || most < now {
		t.Errorf("this process takes %d MiB, %d at most, %v", now, most, err)
	}
}

// sleeper is a process that does nothing, with a health of its own.
func sleeper(t *testing.T, health http.HandlerFunc) *fleet.Process {
	t.Helper()
	s := httptest.NewServer(health)
	t.Cleanup(s.Close)
	p, err := fleet.Start("/bin/sleep", t.TempDir(), &fleet.Process{Name: "sleeper", Args: []string{"600"}, Health: s.URL, Say: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(time.Second) })
	return p
}

// What takes more than it may is killed, and that is told.
func TestWatchKillsWhatGrows(t *testing.T) {
	p := sleeper(t, func(http.ResponseWriter, *http.Request) {})
	w := &watch{processes: []*fleet.Process{p}, memory: 0, say: t.Logf}
	w.begin()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		w.measure(0, p)
		if _, n := p.Running(); n > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	var r result
	w.into(&r)
	if r.restarts != 1 || len(r.rss) != 1 || r.rss[0] < 1 || len(r.reasons) > 0 {
		t.Errorf("%+v", r)
	}
	w.asked = 1
	if w.into(&r); r.restarts != 0 {
		t.Errorf("%d restarts beside the one that was asked for", r.restarts)
	}
}

func TestWatchSpares(t *testing.T) {
	p := sleeper(t, func(http.ResponseWriter, *http.Request) {})
	w := &watch{processes: []*fleet.Process{p}, memory: 256, say: t.Logf}
	w.begin()
	w.measure(0, p)
	w.probe(t.Context(), 0, p)
	var r result
	if w.into(&r); r.restarts != 0 || len(r.reasons) > 0 {
		t.Errorf("%+v", r)
	}
	if alive, _ := p.Running(); !alive {
		t.Error("it was killed")
	}
}

// A liveness probe that fails is told, unless nobody waits for it any more.
func TestWatchProbes(t *testing.T) {
	var sick atomic.Bool
	p := sleeper(t, func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	w := &watch{processes: []*fleet.Process{p}, memory: 256, say: t.Logf}
	w.begin()
	w.probe(t.Context(), 0, p)
	sick.Store(true)
	w.probe(t.Context(), 0, p)
	w.probe(t.Context(), 0, p)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	w.probe(over, 0, p)
	var r result
	w.into(&r)
	if len(r.reasons) != 1 || r.reasons[0] != "2 liveness probes of sleeper failed" {
		t.Errorf("%v", r.reasons)
	}
}
