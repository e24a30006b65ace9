package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// seeded are the tests of the simulation that run as many seeds as they are told.
const seeded = "^Test(Sim|Partitions)$"

// prepare builds the simulation without a fault, and lists its modes.
func (s *suite) prepare(ctx context.Context) error {
	s.usual = map[string]time.Duration{}
	binary, err := s.build(ctx, simulation, "")
	if err != nil {
		return err
	}
	s.faultless = filepath.Join(s.dir, "faultless.test")
	if err := os.Rename(binary, s.faultless); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, s.faultless, "-test.v", "-test.run", seeded, "-seeds=1")
	out, err := cmd.CombinedOutput()
	if s.modes = modesOf(string(out)); len(s.modes) == 0 {
		return fmt.Errorf("the simulation names no modes: %w\n%s", errors.Join(ctx.Err(), err), out)
	}
	return nil
}

// baseline runs the unit tests of all these faults with none planted. What always fails now would notice nothing. The
// simulation takes longer: what is run of it is run without a fault when the first fault comes so far.
func (s *suite) baseline(ctx context.Context, faults []fault, w io.Writer) error {
	if s.sim {
		return nil
	}
	all := fault{}
	for _, f := range faults {
		all.edits = append(all.edits, f.edits...)
	}
	packages, _ := all.checks()
	for _, p := range packages {
		binary, err := s.build(ctx, p, "")
		if err != nil {
			return err
		}
		if err := s.passes(ctx, binary, p, w); err != nil {
			return err
		}
	}
	return nil
}

// passes is no error if all tests of a package pass. One that fails is shown, and run again by itself: only one that
// fails then too is an error, as a busy machine is no fault. The others are run without it.
func (s *suite) passes(ctx context.Context, binary, pkg string, w io.Writer) error {
	var once []string
	for {
		args := slices.Clone(unitArgs)
		if len(once) > 0 {
			args = append(args, "-test.skip", "^("+strings.Join(once, "|")+")$")
		}
		first, err := s.run(ctx, binary, pkg, args...)
		if err != nil {
			return err
		}
		if first.by == "" {
			s.usual[key(pkg, unitArgs)] = s.usual[key(pkg, args)]
			return nil
		}
		test := first.test()
		if test == "" || slices.Contains(once, test) {
			return faultless(first, nil)
		}
		again, err := s.run(ctx, binary, pkg, "-test.v", "-test.run", pattern(test))
		if again.by != "" || err != nil {
			return faultless(again, err)
		}
		fmt.Fprintf(w, "no fault: %s of %s failed once, and passed when it was run again. It printed:\n%s\n", first.by, pkg, indent(first.shown()))
		once = append(once, test)
	}
}

// faultless makes an error of what failed though there was no fault.
func faultless(f failure, err error) error {
	if err == nil && f.by != "" {
		err = fmt.Errorf("fails without any fault: %s. It printed:\n%s", f.by, indent(f.shown()))
	}
	return err
}
