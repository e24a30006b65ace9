package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// temporary makes folders appear in one of the test's own, and lists what is
// left of them.
func temporary(t *testing.T) (left func() []string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return func() []string {
		names, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
}

// self are the flags of a small run of this binary.
func self(t *testing.T, more ...string) []string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{"--proxy", binary, "--phones", "40", "--rate", "50"}, more...)
}

func chaos(t *testing.T, flags ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out bytes.Buffer
	cmd := newCommand()
	cmd.SetArgs(flags)
	cmd.SetOut(&out)
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

// One copy of each binding is lost with the member that has it.
func TestLossIsFoundWhereThereIsOneCopy(t *testing.T) {
	left := temporary(t)
	out, err := chaos(t, self(t, "--replicas", "1", "--members", "2", "--kinds", "kill", "--time", "1s")...)
	if !errors.Is(err, errWrong) {
		t.Fatalf("ends with %v, want %v:\n%s", err, errWrong, out)
	}
	for _, want := range []string{` all +[1-9]\d* +[1-9]\d* +[1-9]\d* +[1-9]`, `Logs, and all incidents \(journal\.log\), are in `} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	names := left()
	if len(names) != 1 {
		t.Fatalf("kept %v, want one folder", names)
	}
	journal, err := os.ReadFile(filepath.Join(names[0], "journal.log"))
	if err != nil || !strings.Contains(string(journal), "FAULT kill of proxy-") || !regexp.MustCompile(` LOST, .* 480 from proxy-\d`).Match(journal) {
		t.Errorf("journal: %v\n%s", err, journal)
	}
	if log, err := os.ReadFile(filepath.Join(names[0], "proxy-1.log")); err != nil || len(log) == 0 {
		t.Errorf("%d bytes of log: %v", len(log), err)
	}
}

// Several runs, one after the other, lose nothing and leave nothing.
func TestTwoCopiesOutliveOneMember(t *testing.T) {
	left := temporary(t)
	out, err := chaos(t, self(t, "--replicas", "2,3", "--members", "4", "--time", "1s")...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := len(regexp.MustCompile(`(?m)^ +all +[1-9]\d* +\d+ +\d+ +0 +0 +0 +0 `).FindAllString(out, -1)); n != 2 {
		t.Errorf("%d tables without a loss, want 2:\n%s", n, out)
	}
	if names := left(); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// A run that is interrupted ends in order, whatever is stopped or down just then.
func TestInterruptedRunLeavesNothing(t *testing.T) {
	for _, kind := range []string{kindKill, kindStop, kindRestart} {
		t.Run(kind, func(t *testing.T) {
			left := temporary(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() { // while the fault lasts, as the journal shows
				for ctx.Err() == nil {
					for _, name := range left() {
						if b, err := os.ReadFile(filepath.Join(name, "journal.log")); err == nil && strings.Contains(string(b), "FAULT "+kind) {
							cancel()
						}
					}
					_ = wait(ctx, time.Millisecond)
				}
			}()
			cmd := newCommand()
			var out bytes.Buffer
			cmd.SetOut(&out)
			cmd.SetArgs(self(t, "--members", "3", "--kinds", kind, "--time", "1m"))
			if err := cmd.ExecuteContext(ctx); !errors.Is(err, errInterrupted) {
				t.Errorf("ends with %v, want %v:\n%s", err, errInterrupted, out.String())
			}
			if names := left(); len(names) > 0 {
				t.Errorf("left behind: %v", names)
			}
			if pids := children(t); len(pids) > 0 {
				t.Errorf("processes %v still run", pids)
			}
		})
	}
}

// children are the processes that this one started and that still run.
func children(t *testing.T) (pids []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(files) == 0 {
		t.Skipf("the kernel does not list children: %v", err)
	}
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil {
			pids = append(pids, strings.Fields(string(b))...)
		}
	}
	return pids
}

// A proxy that does not start is told with its last words, and its logs stay.
func TestProxyThatDoesNotStart(t *testing.T) {
	left := temporary(t)
	_, err := chaos(t, self(t, "--replicas", "2", "--log-level", "loud")...)
	if err == nil || !regexp.MustCompile(`(?s)R=2: proxy-\d ended by itself: exit status 1: .*loud`).MatchString(err.Error()) {
		t.Errorf("ends with %v", err)
	}
	if names := left(); len(names) != 1 {
		t.Errorf("kept %v, want the folder with the logs", names)
	}
}

func TestOptions(t *testing.T) {
	temporary(t)
	for flag, want := range map[string]string{
		"--time=0s":      "--time",
		"--members=1":    "--members",
		"--down=5":       "--down",
		"--phones=0":     "--phones",
		"--rate=0":       "--rate",
		"--patience=1ms": "--patience",
		"--late=-1s":     "--late",
		"--replicas=":    "--replicas",
		"--replicas=6":   "--replicas 6",
		"--kinds=quake":  `"quake"`,
		"--down=1":       "/missing", // it would have begun
	} {
		if _, err := chaos(t, "--proxy=/missing", flag); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s named", flag, err, want)
		}
	}
}
