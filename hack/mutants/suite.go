package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// packagesOf are those whose tests are run where a fault is in the package named first.
var packagesOf = map[string][]string{
	"proxy/location":  {"proxy/location", "proxy/cluster"},
	"proxy/cluster":   {"proxy/cluster", "proxy/location"},
	"proxy/peer":      {"proxy/peer"},
	"proxy/server":    {"proxy/server"},
	"proxy/routing":   {"proxy/routing", "proxy/server"},
	"proxy/targets":   {"proxy/targets", "proxy/server"},
	"proxy/forward":   {"proxy/forward", "proxy/server"},
	"proxy/token":     {"proxy/token"},
	"proxy/digest":    {"proxy/digest"},
	"proxy/auth":      {"proxy/auth", "proxy/server"},
	"proxy/egress":    {"proxy/egress"},
	"proxy/limit":     {"proxy/limit"},
	"proxy/control":   {"proxy/control"},
	"proxy/transport": {"proxy/transport"},
	"proxy/redact":    {"proxy/redact"},

	"proxy/connlimit":         {"proxy/connlimit"},
	"proxy/transport/frame":   {"proxy/transport/frame"},
	"proxy/transport/wsframe": {"proxy/transport/wsframe"},

	"proxy/application":      {"proxy/application", "proxy/server"},
	"controllers/rotation":   {"controllers/rotation"},
	"controllers/membership": {"controllers/membership"},
}

// simulated are the packages that the simulation says something of.
var simulated = map[string]bool{"proxy/location": true, "proxy/cluster": true}

const simulation = "proxy/cluster/sim"

// checks are what is run for a fault: the packages whose tests are run first, and whether the simulation is after them.
func (f *fault) checks() (packages []string, simulate bool) {
	for _, e := range f.edits {
		in := filepath.ToSlash(filepath.Dir(e.file))
		for _, p := range packagesOf[in] {
			if !slices.Contains(packages, p) {
				packages = append(packages, p)
			}
		}
		simulate = simulate || simulated[in]
	}
	return packages, simulate
}

// suite is the tests, which run from a module's root with temporary files in dir.
type suite struct {
	root, dir string
	seeds     int
	modes     []string // of the simulation
	sim       bool     // the simulation alone
	// usual is how long a run takes with no fault in it. One that takes ten times as long and the slack hangs.
	usual     map[string]time.Duration
	slack     time.Duration
	faultless string // the simulation
}

// notice is what noticed a fault first; the zero notice is nothing.
type notice struct {
	by    string
	seeds int // of all modes, run until then
}

// batches are the first seed and the number of seeds that are run of every mode before any mode runs more: most faults
// are found soon by one of the modes.
func (s *suite) batches() [][2]int {
	var all [][2]int
	for from, size := 1, 10; from <= s.seeds; from, size = from+size, 4*size {
		all = append(all, [2]int{from, min(size, s.seeds-from+1)})
	}
	return all
}

// errBuild says that the compiler refuses the code with the fault in it.
var errBuild = errors.New("does not compile")

// unitArgs has the tests of a package end at the first failure, and name it.
var unitArgs = []string{"-test.v", "-test.failfast"}

// try runs the checks of a fault, with the sources of the overlay, until one fails.
func (s *suite) try(ctx context.Context, f *fault, overlay string) (notice, error) {
	by, err := s.unitTests(ctx, f, overlay)
	if by != "" || err != nil {
		return notice{by: by}, err
	}
	if _, simulate := f.checks(); !simulate {
		return notice{}, nil
	}
	return s.simulate(ctx, overlay)
}

// unitTests runs those of a fault, and returns what failed first.
func (s *suite) unitTests(ctx context.Context, f *fault, overlay string) (string, error) {
	packages, _ := f.checks()
	for _, p := range packages {
		if s.sim {
			break
		}
		binary, err := s.build(ctx, p, overlay)
		if err != nil {
			return "", err
		}
		failed, err := s.run(ctx, binary, p, unitArgs...)
		if failed.by != "" || err != nil {
			return failed.by, err
		}
	}
	return "", nil
}

// simulate runs all modes, a batch of seeds of each after the other.
func (s *suite) simulate(ctx context.Context, overlay string) (notice, error) {
	binary, err := s.build(ctx, simulation, overlay)
	if err != nil {
		return notice{}, err
	}
	done := 0
	for _, b := range s.batches() {
		for _, mode := range s.modes {
			args := []string{"-test.v", "-test.run", pattern(mode), fmt.Sprint("-seed=", b[0]), fmt.Sprint("-seeds=", b[1])}
			if err := s.known(ctx, args); err != nil {
				return notice{}, err
			}
			failed, err := s.run(ctx, binary, simulation, args...)
			if err != nil {
				return notice{}, err
			}
			if by := failed.by; by != "" {
				return notice{by: by, seeds: done + seedsUntil(by, b)}, nil
			}
			done += b[1]
		}
	}
	return notice{}, nil
}

// known has a part of the simulation run without a fault, if it has not been.
func (s *suite) known(ctx context.Context, args []string) error {
	if _, ok := s.usual[key(simulation, args)]; ok {
		return nil
	}
	return faultless(s.run(ctx, s.faultless, simulation, args...))
}

func key(pkg string, args []string) string { return pkg + " " + strings.Join(args, " ") }

// pattern is what -test.run takes for one test or subtest.
func pattern(test string) string { return "^" + strings.ReplaceAll(test, "/", "$/^") + "$" }

// build builds the tests of a package and returns the binary.
func (s *suite) build(ctx context.Context, pkg, overlay string) (string, error) {
	binary := filepath.Join(s.dir, strings.ReplaceAll(pkg, "/", "_")+".test")
	args := []string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...)
	cmd.Dir = s.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(ctx.Err(), fmt.Errorf("%w: %s", errBuild, out))
	}
	return binary, nil
}

// run runs tests and returns what failed first, empty if nothing did. A run that hangs is stopped, and has failed.
func (s *suite) run(ctx context.Context, binary, pkg string, args ...string) (failure, error) {
	limit := 10 * time.Minute
	if usual, ok := s.usual[key(pkg, args)]; ok {
		limit = 10*usual + s.slack
	}
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	scratch, err := s.scratch(pkg)
	if err != nil {
		return failure{}, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	cmd := exec.CommandContext(timed, binary, args...)
	cmd.Dir = scratch
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // tests have children
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	began := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(began)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return failure{}, ctx.Err()
	case timed.Err() != nil:
		return failure{fmt.Sprintf("time-out after %.0f s in %s", took.Seconds(), running(string(out))), string(out)}, nil
	case err == nil:
		if k := key(pkg, args); s.usual[k] == 0 {
			s.usual[k] = took
		}
		return failure{}, nil
	case errors.As(err, &exit):
		return failure{failed(string(out)), string(out)}, nil
	}
	return failure{}, err
}

// scratch makes a directory to run a package's tests in, which may leave files about what failed there.
func (s *suite) scratch(pkg string) (string, error) {
	dir, err := os.MkdirTemp(s.dir, "run-")
	if err != nil {
		return "", err
	}
	data := filepath.Join(s.root, pkg, "testdata")
	if _, err := os.Stat(data); err != nil {
		return dir, nil //nolint:nilerr // most have none
	}
	return dir, os.CopyFS(filepath.Join(dir, "testdata"), os.DirFS(data))
}
