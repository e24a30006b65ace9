//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestPreviousCommit: the file names one, and where all history is there so is it.
func TestPreviousCommit(t *testing.T) {
	commit := previousCommit()
	if !regexp.MustCompile("^[0-9a-f]{40}$").MatchString(commit) {
		t.Fatalf("the previous commit is %q", commit)
	}
	t.Chdir(filepath.Join("..", ".."))
	if err := hasCommit(t.Context(), commit); err != nil && !errors.Is(err, errNoHistory) {
		t.Error(err)
	}
}

// TestHistoryThatIsNotThere: a checkout from which no commit can be expected is told
// from one that lacks it.
func TestHistoryThatIsNotThere(t *testing.T) {
	git := func(args ...string) {
		t.Helper()
		args = append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)
		if out, err := exec.CommandContext(t.Context(), "git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	top := t.TempDir()
	whole, shallow, below := filepath.Join(top, "whole"), filepath.Join(top, "shallow"), filepath.Join(top, "whole", "below")
	git("init", "--quiet", whole)
	for range 2 {
		git("-C", whole, "commit", "--quiet", "--allow-empty", "--message", "empty")
	}
	git("clone", "--quiet", "--depth=1", "file://"+whole, shallow)
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dir       string
		noHistory bool
	}{
		"no repository":           {top, true},
		"a shallow clone":         {shallow, true},
		"in another's repository": {below, true},
		"a repository without it": {whole, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(c.dir)
			if err := hasCommit(t.Context(), previousCommit()); err == nil || errors.Is(err, errNoHistory) != c.noHistory {
				t.Errorf("no history %v: %v", !c.noHistory, err)
			}
		})
	}
}
