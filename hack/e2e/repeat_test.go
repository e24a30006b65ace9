//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sipring/sipring/demo/phones"
)

// The sum has a line for each part of a case, and names the runs that lost something.
func TestSumOfRuns(t *testing.T) {
	var results []*result
	for run := 1; run <= 3; run++ {
		r := &result{
			Title: "rolling update", Run: run, Registered: phones.Outcome{OK: 20, Of: 20},
			Called:     phones.Called{Reached: phones.Outcome{OK: 20, Of: 20}, Soon: phones.Outcome{OK: 20 - run, Of: 20}},
			BYEsAtOnce: phones.Outcome{OK: 4, Of: 4}, BYEsAfter: phones.Outcome{OK: 6, Of: 6}, Ring: time.Duration(run) * time.Millisecond,
		}
		if run == 2 {
			r.BYEsAtOnce.OK--
		}
		results = append(results, r, &result{Title: "node cut off", Run: run, Skipped: "no machines"})
	}
	var out bytes.Buffer
	printSum(&out, results)
	for _, want := range []string{
		`rolling update +3 +1 +0 +60/60 +54/60 +0/0 +29/30 +3 +0 +0/0 +0/0\n`,
		`node cut off +0 +0 +0 `,
		`rolling update: something was lost in run 2\n`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "node cut off: ") {
		t.Errorf("a case that was not played has lost something:\n%s", out.String())
	}
}

// A case is played as often as is asked for, or until it loses something.
func TestCasesAreRepeated(t *testing.T) {
	lossAt := func(e *env, at int) (runs int, results []*result, err error) {
		c := played{name: "cut", play: func(context.Context) ([]*result, error) {
			r := &result{Title: "node cut off"}
			if runs++; runs == at {
				r.Problems = append(r.Problems, "a call")
			}
			return []*result{r}, nil
		}}
		results, err = e.repeat(t.Context(), []played{c, {name: "not wanted"}})
		return runs, results, err
	}
	for _, c := range []struct {
		stop bool
		want int
	}{{false, 5}, {true, 2}} {
		e, _, out := watching(t, func(string) error { return nil })
		e.stage.o.repeat, e.stage.o.stopAtLoss, e.stage.o.only = 5, c.stop, []string{"cut"}
		runs, results, err := lossAt(e, 2)
		if err != nil || runs != c.want || len(results) != c.want || results[1].Run != 2 {
			t.Errorf("stop at a loss: %v: %d runs, %d results, %v; want %d", c.stop, runs, len(results), err, c.want)
		}
		for _, want := range []string{"node cut off, run 1: nothing lost", "node cut off, run 2: LOST", "cut, run 2 of 5 lost something"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in:\n%s", want, out)
			}
		}
	}
	e, _, _ := watching(t, func(string) error { return nil })
	e.stage.o.repeat, e.stage.o.only = 5, []string{"cut"}
	broken := errors.New("no ring")
	runs := 0
	_, err := e.repeat(t.Context(), []played{{name: "cut", play: func(context.Context) ([]*result, error) { runs++; return nil, broken }}})
	if !errors.Is(err, broken) || runs != 1 {
		t.Errorf("after %d runs: %v, want %v after the first", runs, err, broken)
	}
}

func TestRepeatWantsCases(t *testing.T) {
	for args, ok := range map[string]bool{
		"--repeat 3": false, "--repeat 0 --only cut": false, "--repeat 3 --only bare": false,
		"--repeat 3 --only rollout,cut": true, "--repeat 1": true,
	} {
		if _, err := parseOptions(strings.Fields(args), &bytes.Buffer{}); (err == nil) != ok {
			t.Errorf("%s: %v, want it accepted: %v", args, err, ok)
		}
	}
}

// What another program loses is printed, and fails nothing.
func TestAPeersLossesFailNothing(t *testing.T) {
	r := &result{Title: "node cut off", Meanwhile: phones.Called{Reached: phones.Outcome{OK: 1157, Of: 1200}}}
	if !r.failed() {
		t.Error("43 lost calls fail nothing")
	}
	if r.Peer = true; r.failed() {
		t.Error("43 lost calls of another program fail the case")
	}
}
