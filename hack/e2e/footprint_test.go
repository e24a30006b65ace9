//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestFootprintFindsWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	f := footprint{name: "nosuch", state: filepath.Join(dir, "state"), work: filepath.Join(dir, "work")}
	before := f.look(t.Context())
	if err := f.left(t.Context(), before); err != nil {
		t.Fatalf("nothing was made: %v", err)
	}
	sleeper := exec.Command("sleep", "60")
	sleeper.Env = []string{"TMPDIR=" + f.work}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() })
	if err := os.WriteFile(f.state+".run", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := f.left(ctx, before)
	if err == nil || !strings.Contains(err.Error(), "state.run") || !strings.Contains(err.Error(), "sleep 60") {
		t.Errorf("got %v, want the file and the process", err)
	}
}

func TestFootprintIsNotWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	f := footprint{name: "nosuch", state: filepath.Join(dir, "state"), work: filepath.Join(dir, "work")}
	if err := os.WriteFile(f.state+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.left(t.Context(), f.look(t.Context())); err != nil {
		t.Errorf("a file from before counts as left: %v", err)
	}
}

func TestLinesOfOthersAreNoFootprint(t *testing.T) {
	found := map[string]bool{}
	footprint{}.lines(found, "route", "10.79.1.0/24 via 10.79.0.11\n10.1.0.0/24 dev eth0\n", "10.79.")
	if len(found) != 1 || !found["route: 10.79.1.0/24 via 10.79.0.11"] {
		t.Errorf("got %v, want the route of the network only", found)
	}
}

func TestDifferenceIsOfWhatMayBeOurs(t *testing.T) {
	before := "namespace/default\nnamespace/sipring-old\n"
	now := "namespace/default\nnamespace/sipring-e2e\nnamespace/others\n"
	if got := difference(now, before); len(got) != 1 || got[0] != "namespace/sipring-e2e" {
		t.Errorf("added: got %v, want namespace/sipring-e2e", got)
	}
	if got := difference(before, now); len(got) != 1 || got[0] != "namespace/sipring-old" {
		t.Errorf("removed: got %v, want namespace/sipring-old", got)
	}
}
