package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// runner plants faults and tells what came of it.
type runner struct {
	suite suite
	limit time.Duration
	out   io.Writer

	survived, unfit []string
}

// run returns an error if a fault survived, does not fit or does not compile.
func (r *runner) run(ctx context.Context, faults []fault) error {
	began := time.Now()
	if err := r.suite.prepare(ctx); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "%d faults; up to %d seeds of %s\n", len(faults), r.suite.seeds, strings.Join(r.suite.modes, ", "))
	if err := r.suite.baseline(ctx, faults, r.out); err != nil {
		return err
	}
	fmt.Fprintf(r.out, "no fault: the unit tests pass, %.0f s\n", time.Since(began).Seconds())
	timed := ctx
	if r.limit > 0 {
		var cancel context.CancelFunc
		timed, cancel = context.WithTimeout(ctx, r.limit-time.Since(began))
		defer cancel()
	}
	planted := 0
	for ; planted < len(faults) && timed.Err() == nil; planted++ {
		err := r.plant(timed, fmt.Sprintf("%d/%d", planted+1, len(faults)), &faults[planted])
		if err != nil && timed.Err() != nil && ctx.Err() == nil {
			break // the time is over: nothing is known of this one
		}
		if err != nil {
			return err
		}
	}
	r.sum(faults[planted:], time.Since(began))
	if len(r.survived)+len(r.unfit) > 0 {
		return fmt.Errorf("%d faults survived, %d do not fit", len(r.survived), len(r.unfit))
	}
	return nil
}

// tries are how often a fault is tried that nobody notices: some need two processors at once,
// or a second in which something happens, and on a busy machine there may be none.
const tries = 3

// plant tries one fault. An error says that nothing more can be tried.
func (r *runner) plant(ctx context.Context, number string, f *fault) error {
	began := time.Now()
	dir, err := os.MkdirTemp(r.suite.dir, "fault-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := f.writeOverlay(r.suite.root, dir)
	if err != nil {
		r.misfit(number, f, "DOES NOT FIT", err, began)
		return nil
	}
	found, err := r.suite.try(ctx, f, overlay)
	for n := 1; n < tries && err == nil && found.by == ""; n++ {
		found, err = r.suite.try(ctx, f, overlay)
	}
	switch {
	case errors.Is(err, errBuild) && ctx.Err() == nil:
		r.misfit(number, f, "DOES NOT COMPILE", err, began)
	case err != nil:
		return err
	case found.by == "":
		r.survived = append(r.survived, f.name)
		r.line(number, f, "NOT NOTICED", began)
	case found.seeds > 0:
		r.line(number, f, fmt.Sprintf("%s; %d seeds", found.by, found.seeds), began)
	default:
		r.line(number, f, found.by, began)
	}
	return nil
}

func (r *runner) line(number string, f *fault, what string, began time.Time) {
	fmt.Fprintf(r.out, "%s %s (%s): %s, %.1f s\n", number, f.name, filepath.Base(f.edits[0].file), what, time.Since(began).Seconds())
}

func (r *runner) misfit(number string, f *fault, what string, err error, began time.Time) {
	r.unfit = append(r.unfit, f.name)
	r.line(number, f, what, began)
	fmt.Fprintln(r.out, indent(strings.TrimSpace(err.Error())))
}

// sum names what is to be mended and what was left out.
func (r *runner) sum(left []fault, took time.Duration) {
	if len(left) > 0 {
		fmt.Fprintln(r.out, "\nnot planted this time:")
		for _, f := range left {
			fmt.Fprintln(r.out, " ", f.name)
		}
	}
	for heading, names := range map[string][]string{"not noticed:": r.survived, "not in the code any more:": r.unfit} {
		if len(names) > 0 {
			fmt.Fprintf(r.out, "\n%s\n  %s\n", heading, strings.Join(names, "\n  "))
		}
	}
	fmt.Fprintf(r.out, "\n%.0f s\n", took.Seconds())
}
