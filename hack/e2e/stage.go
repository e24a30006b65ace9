//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sipring/sipring/hack/kube/cluster"
)

// stage is what is there before anything is: options, output, a folder, and what
// is undone in the end, for which one goroutine may call later and close.
type stage struct {
	o     *options
	began time.Time
	tmp   string // the folder for temporary files, of all programs
	undo  []func(context.Context) error
	// evidence is of what the case that is played loses; nil: nothing is kept.
	evidence *evidence

	mu  sync.Mutex
	out io.Writer
}

// step prints a line.
func (s *stage) step(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, "%7.1fs  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// lines has every line of what is written to it become one of progress.
type lines struct {
	step func(format string, args ...any)
}

func (l lines) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		l.step("  %s", strings.TrimRight(line, "\n"))
	}
	return len(text), nil
}

// workspace has this program and all that it starts write temporary files below
// one folder, and looks in the end for what is left on the machine.
func (s *stage) workspace(ctx context.Context) error {
	s.tmp = os.TempDir()
	work, err := os.MkdirTemp(s.tmp, "sipring-e2e-work-")
	if err != nil {
		return err
	}
	f := footprint{
		name: s.o.name, state: filepath.Clean(s.o.state), work: work,
		nets: []string{strings.TrimSuffix(s.o.subnet, "0.0/16"), vip.Addr().String(), strings.TrimSuffix(phonesAddress.String(), "1")},
	}
	before := f.look(ctx)
	delete(before, work)
	if !s.o.keep {
		s.later(func(ctx context.Context) error { return f.left(ctx, before) })
	}
	s.later(func(context.Context) error { return os.RemoveAll(work) })
	return os.Setenv("TMPDIR", work)
}

// alone makes sure that no other run uses the same cluster: each would delete
// what the other works with. The kernel frees the lock however the run ends.
func (s *stage) alone() error {
	unlock, err := cluster.LockFile(filepath.Clean(s.o.state) + ".run")
	if err != nil {
		return fmt.Errorf("another run uses %s; give this one its own --name, --state and --subnet: %w", s.o.state, err)
	}
	s.later(func(context.Context) error { unlock(); return nil })
	return nil
}

// later is done when the run ends, last first.
func (s *stage) later(f func(context.Context) error) { s.undo = append(s.undo, f) }

func (s *stage) close() error {
	// Its own context: the run's may be the one that was interrupted.
	ctx, cancel := context.WithTimeout(context.Background(), installLimit)
	defer cancel()
	var errs []error
	for i := len(s.undo) - 1; i >= 0; i-- {
		errs = append(errs, s.undo[i](ctx))
	}
	s.undo = nil
	return errors.Join(errs...)
}

// keepLogs has save write what explains a failure to the folder for logs.
func (s *stage) keepLogs(save func(dir string) error) error {
	var err error
	if s.o.logs == "" {
		s.o.logs, err = os.MkdirTemp(s.tmp, "sipring-e2e-logs-")
	} else {
		err = os.MkdirAll(s.o.logs, 0o755)
	}
	if err != nil {
		return err
	}
	return save(s.o.logs)
}
