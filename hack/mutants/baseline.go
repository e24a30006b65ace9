package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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

// baseline runs the unit tests of all these faults with none planted. What fails now would notice nothing. The
// simulation takes longer: what is run of it is run without a fault when the first fault comes so far.
func (s *suite) baseline(ctx context.Context, faults []fault) error {
	all := fault{}
	for _, f := range faults {
		all.edits = append(all.edits, f.edits...)
	}
	by, err := s.unitTests(ctx, &all, "")
	return faultless(by, err)
}

// faultless makes an error of what failed though there was no fault.
func faultless(by string, err error) error {
	if err == nil && by != "" {
		err = fmt.Errorf("fails without any fault: %s", by)
	}
	return err
}
