package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// floodSelf is a small run of this binary, and the folders that are left of it.
func floodSelf(t *testing.T, flags ...string) (out string, left []string, err error) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var b bytes.Buffer
	cmd := newCommand()
	cmd.SetArgs(append([]string{"--proxy", binary, "--time", "1s"}, flags...))
	cmd.SetOut(&b)
	err = cmd.ExecuteContext(ctx)
	left, _ = filepath.Glob(filepath.Join(dir, "*"))
	return b.String(), left, err
}

func expect(t *testing.T, out string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(out) {
			t.Errorf("no %q in:\n%s", p, out)
		}
	}
}

func TestWhatIsWithstoodLeavesNothing(t *testing.T) {
	out, left, err := floodSelf(t, "--only", "none,stray", "--p99", "1m", "--memory", "1024")
	if err != nil || len(left) > 0 {
		t.Errorf("ends with %v and leaves %v:\n%s", err, left, out)
	}
	expect(t, out, `(?m)^none +\d+ +100\.0 +\d+\.\d ms +\d+\.\d ms +\d+ \d+ \d+ +0 +withstood$`, `(?m)^stray .* withstood$`, `(?m)^stray +[1-9]\d+ ACKs and CANCELs, \d+/s(; the kernel dropped .*)?$`)
}

func TestWhatIsNotWithstoodIsAnError(t *testing.T) {
	out, left, err := floodSelf(t, "--only", "none", "--p99", "1ns", "--memory", "1024")
	if !errors.Is(err, errNotWithstood) || len(left) != 1 {
		t.Errorf("ends with %v, want %v, and leaves %v, want the logs:\n%s", err, errNotWithstood, left, out)
	}
	expect(t, out, `(?m)^none .* FAILED$`, `FAILED: p99 \d+\.\d ms`, `Logs are in /`)
	for _, name := range []string{"proxy-0.log", "proxy-2.log", "flood.log"} {
		if _, err := os.Stat(filepath.Join(left[0], "none", name)); err != nil {
			t.Error(err)
		}
	}
}

func TestInterruptedRunLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	cmd := newCommand()
	cmd.SetArgs([]string{"--proxy", binary, "--only", "none", "--time", "1m", "--memory", "1024"})
	cmd.SetOut(&bytes.Buffer{})
	began := time.Now()
	if err := cmd.ExecuteContext(ctx); !errors.Is(err, errInterrupted) {
		t.Errorf("ends with %v, want %v", err, errInterrupted)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 0 {
		t.Errorf("leaves %v", left)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %s to end", took)
	}
}

func TestOptions(t *testing.T) {
	for name, c := range map[string]struct {
		o    options
		want int // attacks; 0 is an error
	}{
		"all":      {options{time: time.Second, memory: 256}, len(attacks)},
		"some":     {options{time: time.Second, memory: 256, only: []string{"tree", "relay"}}, 2},
		"a short":  {options{memory: 256, quick: true}, 12},
		"unknown":  {options{time: time.Second, memory: 256, only: []string{"tree", "x"}}, 0},
		"no time":  {options{memory: 256}, 0},
		"too long": {options{time: time.Hour, memory: 256}, 0},
		"no room":  {options{time: time.Second, memory: 1}, 0},
	} {
		err := c.o.complete()
		if (err == nil) != (c.want > 0) || err == nil && len(c.o.attacks) != c.want {
			t.Errorf("%s: %d attacks, %v, want %d", name, len(c.o.attacks), err, c.want)
		}
	}
}
