//go:build linux

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed previous
var previousFile string

const (
	// previousTag is what the previous program's image is called in the local
	// cluster, whatever its version.
	previousTag   = "previous"
	previousImage = "ghcr.io/sipring/sipring:" + previousTag
)

// errNoHistory: an earlier commit cannot be had from this checkout.
var errNoHistory = errors.New("this checkout has no history")

// previousCommit is the one that the file names.
func previousCommit() string {
	for line := range strings.Lines(previousFile) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return line
		}
	}
	return ""
}

// previousTree makes a folder of the previous commit's files, with its program,
// sipring, in it. Go's build cache makes that a matter of seconds but the first
// time. It is errNoHistory where there is no git, or a clone too shallow.
func previousTree(ctx context.Context) (string, error) {
	commit := previousCommit()
	if err := hasCommit(ctx, commit); err != nil {
		return "", err
	}
	tree, err := os.MkdirTemp("", "previous-")
	if err != nil {
		return "", err
	}
	if err := program(ctx, ".", "git", "archive", "--output", filepath.Join(tree, "tree.tar"), commit); err != nil {
		return "", err
	}
	if err := program(ctx, tree, "tar", "-xf", "tree.tar"); err != nil {
		return "", err
	}
	return tree, program(ctx, tree, "go", "build", "-trimpath", "-ldflags",
		"-s -w -X github.com/sipring/sipring/proxy/command.Version="+commit[:7], "-o", "sipring", ".")
}

// hasCommit fails with errNoHistory only where the commit cannot be expected.
func hasCommit(ctx context.Context, commit string) error {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--is-shallow-repository", "--show-prefix").Output()
	if err != nil {
		return fmt.Errorf("%w: git rev-parse: %w", errNoHistory, err)
	}
	shallow, below, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if below != "" {
		return fmt.Errorf("%w: it lies in another's, at %s", errNoHistory, below)
	}
	err = program(ctx, ".", "git", "cat-file", "-e", commit+"^{commit}")
	if err != nil && shallow == "true" {
		return fmt.Errorf("%w: the clone is shallow and without commit %s", errNoHistory, commit)
	}
	return err
}

// program runs one in a folder; without cgo, should it be Go.
func program(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
