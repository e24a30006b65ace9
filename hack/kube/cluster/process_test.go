//go:build linux

package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sleeper starts a process that does nothing, and ends it with the test.
func sleeper(t *testing.T) process {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s, err := readStat(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	p := process{Machine: "test", PID: cmd.Process.Pid, Start: s.start}
	if err := cmd.Process.Release(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.kill(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestKillEndsWhatWasRecorded(t *testing.T) {
	p := sleeper(t)
	if !p.alive() {
		t.Fatal("started process is not alive")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := p.kill(ctx); err != nil {
		t.Fatal(err)
	}
	if p.alive() {
		t.Error("killed process is alive")
	}
	if err := p.kill(ctx); err != nil {
		t.Errorf("second kill: %v", err)
	}
}

func TestStatTellsWhatStillRuns(t *testing.T) {
	line := func(state string, threads int) string {
		return fmt.Sprintf("12 (a) Z (b) %s 1 12 12 0 -1 4194560 1 0 0 0 1 1 0 0 20 0 %d 0 3456 1 1", state, threads)
	}
	for raw, want := range map[string]bool{
		line("S", 4): true,
		line("Z", 1): false,
		line("X", 1): false,
		line("Z", 2): true, // the first thread has ended, the process has not
	} {
		s, err := parseStat(raw)
		if err != nil || s.start != 3456 || s.runs() != want {
			t.Errorf("%s: %+v, %v, want running %v", raw, s, err, want)
		}
	}
	if _, err := parseStat("12 (a) Z"); err == nil {
		t.Error("half a line is parsed")
	}
}

// An id that was given to another process since must not be killed.
func TestKillSparesAnotherProcessOfThatID(t *testing.T) {
	p := sleeper(t)
	earlier := p
	earlier.Start--
	if earlier.alive() {
		t.Error("process of another start time counts as alive")
	}
	if err := earlier.kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !p.alive() {
		t.Error("process was killed under another's record")
	}
}

func TestStateIsReadAsWritten(t *testing.T) {
	dir := t.TempDir()
	if s, err := loadState(dir); s != nil || err != nil {
		t.Fatalf("no state: %v, %v, want none and no error", s, err)
	}
	want := &state{
		Options:  Options{Name: "a", Nodes: 2, StateDir: dir},
		Machines: []process{{Machine: "node1", PID: 12, Start: 34}},
	}
	if err := want.save(); err != nil {
		t.Fatal(err)
	}
	got, err := loadState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadState(dir); err == nil {
		t.Error("broken state is read without an error")
	}
}

func TestLockExcludesAndLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cluster")
	unlock, err := lockState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockState(dir); err == nil {
		t.Fatal("locked twice")
	}
	unlock()
	if _, err := os.Stat(dir + ".lock"); !os.IsNotExist(err) {
		t.Errorf("lock file after unlocking: %v, want it gone", err)
	}
	again, err := lockState(dir)
	if err != nil {
		t.Fatalf("after unlocking: %v", err)
	}
	again()
}

func TestFirstProcessOfItsNamespace(t *testing.T) {
	tests := map[string]struct {
		status string
		want   bool
	}{
		"first of a container":           {"Name:\tx\nNSpid:\t4711\t1\n", true},
		"first of a container in a node": {"NSpid:\t4711\t88\t1\n", true},
		"second of a container":          {"NSpid:\t4711\t7\n", false},
		"first of the host":              {"NSpid:\t1\n", false},
		"nothing told":                   {"Name:\tx\n", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "status")
			if err := os.WriteFile(path, []byte(test.status), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := isFirst(path); got != test.want {
				t.Errorf("isFirst = %t, want %t", got, test.want)
			}
		})
	}
}
