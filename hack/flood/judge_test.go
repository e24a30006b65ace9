package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const ms = time.Millisecond

// answers are n answers that took 1 ms, and then these.
func answers(n int, more ...time.Duration) []time.Duration {
	var all []time.Duration
	for range n {
		all = append(all, ms)
	}
	return append(all, more...)
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		took  []time.Duration
		share float64
		want  time.Duration
	}{
		{nil, 0.99, 0},
		{answers(0, 7*ms), 0.5, 7 * ms},
		{answers(0, 7*ms), 0.99, 7 * ms},
		{answers(99, 200*ms), 0.99, ms},
		{answers(98, 200*ms, 300*ms), 0.99, 200 * ms},
		{answers(49, 200*ms), 0.99, 200 * ms},
		{answers(2, 5*ms, 6*ms), 0.5, ms},
	} {
		if got := (result{took: c.took}).quantile(c.share); got != c.want {
			t.Errorf("%v of %v: %s, want %s", c.share, c.took, got, c.want)
		}
	}
}

// Every promise that is broken is told; one that is kept just so is not.
func TestFaults(t *testing.T) {
	l := limits{p99: 100 * ms, memory: 256, requests: 50}
	for name, c := range map[string]struct {
		r    result
		want []string
	}{
		"kept":              {result{took: answers(99, 99*ms), rss: []int{256, 1, 2}}, nil},
		"one slow of 100":   {result{took: answers(99, 4*time.Second)}, nil},
		"two slow of 100":   {result{took: answers(98, 100*ms, 100*ms)}, []string{"p99 100.0 ms"}},
		"one failed":        {result{took: answers(999), failed: 1, reasons: []string{"BYE of x: y"}}, []string{"1 good requests failed", "BYE of x: y"}},
		"a proxy grew":      {result{took: answers(50), rss: []int{256, 257, 3}}, []string{"proxy-1 took 257 MiB"}},
		"a proxy ended":     {result{took: answers(50), restarts: 1}, []string{"1 restarts"}},
		"what attacks tell": {result{took: answers(50), reasons: []string{"x38"}}, []string{"x38"}},
		"nothing happened":  {result{}, []string{"only 0 good requests, 50 were due"}},
		"phones stood still": {result{took: answers(48), failed: 1}, []string{
			"only 49 good requests, 50 were due", "1 good requests failed",
		}},
	} {
		if d := cmp.Diff(c.want, c.r.faults(l)); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
}

// What is slow and nothing else may be another program's doing.
func TestOnlySlow(t *testing.T) {
	l := limits{p99: 100 * ms, memory: 256, requests: 50}
	for name, c := range map[string]struct {
		r    result
		want bool
	}{
		"quick":           {result{took: answers(50)}, false},
		"slow":            {result{took: answers(50, time.Second)}, true},
		"slow and failed": {result{took: answers(50, time.Second), failed: 1}, false},
		"failed":          {result{took: answers(50), failed: 1}, false},
		"slow and few":    {result{took: answers(0, time.Second)}, false},
	} {
		if got := c.r.onlySlow(l); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAnsweredIsNotRoundedUp(t *testing.T) {
	for _, c := range []struct {
		answered, failed int
		want             float64
	}{{0, 0, 0}, {10, 0, 100}, {9999, 1, 99.9}, {1, 2, 33.3}} {
		if got := (result{took: answers(c.answered), failed: c.failed}).answered(); got != c.want {
			t.Errorf("%d answered, %d failed: %v, want %v", c.answered, c.failed, got, c.want)
		}
	}
}

func TestTally(t *testing.T) {
	var y tally
	for i := range 5 {
		y.add("INVITE", "a", time.Duration(5-i)*ms, nil)
		y.add("BYE", "b", patience, errors.New("no answer"))
	}
	r := y.result("x")
	if r.attack != "x" || r.failed != 5 || len(r.took) != 5 || r.took[0] != ms || r.quantile(1) != 5*ms {
		t.Errorf("%+v", r)
	}
	if want := []string{"BYE of b: no answer", "BYE of b: no answer", "BYE of b: no answer"}; !cmp.Equal(r.reasons, want) {
		t.Errorf("reasons %v, want %v", r.reasons, want)
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	table(&b, []result{
		{attack: "none", took: answers(60), rss: []int{41, 42, 43}, note: "nothing was sent"},
		{attack: "gossip", took: answers(54, 2*time.Second), failed: 5, rss: []int{41, 300, 43}, restarts: 1, note: "7 frames", reasons: []string{"it died"}},
	}, limits{p99: 100 * ms, memory: 256, requests: 60})
	want := `
attack  good requests  answered %  p50     p99        max RSS, MiB  restarts  verdict
none    60             100.0       1.0 ms  1.0 ms     41 42 43      0         withstood
gossip  60             91.6        1.0 ms  2000.0 ms  41 300 43     1         FAILED

none       nothing was sent
gossip     7 frames
             FAILED: 5 good requests failed
             FAILED: p99 2000.0 ms
             FAILED: proxy-1 took 300 MiB
             FAILED: 1 restarts
             FAILED: it died
`
	if d := cmp.Diff(strings.TrimPrefix(want, "\n"), b.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
