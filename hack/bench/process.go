package main

import (
	"bytes"
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

// stopGrace is how long a server may take to leave after SIGTERM.
const stopGrace = 5 * time.Second

// process is a child that runs until it is stopped. Its output is in a file.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan struct{} // closed when it is gone
}

// start runs argv in dir, pinned to the CPUs of the list.
func start(name, cpus, dir string, argv []string) (*process, error) {
	p := &process{name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }() // the child has its own
	// No context: a server is stopped politely, by stop.
	p.cmd = exec.CommandContext(context.Background(), "taskset", pinned(cpus, argv)...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	p.cmd.SysProcAttr = childAttributes()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is of no interest, that it ended is
		close(p.done)
	}()
	return p, nil
}

func pinned(cpus string, argv []string) []string {
	return append([]string{"--cpu-list", cpus}, argv...)
}

// childAttributes: a process group of its own, so that Ctrl-C reaches only us
// and we stop the children in order; and SIGTERM if we are killed, which lets
// Kamailio's first process end the others as SIGKILL would not.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// exited tells whether the process is gone.
func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop ends the process and all its descendants, politely first. It returns
// when they are gone or cannot be killed; stopping twice is harmless.
func (p *process) stop() {
	if p.exited() {
		return
	}
	family, _ := processTree(p.pid())
	_ = syscall.Kill(p.pid(), syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopGrace):
		_ = syscall.Kill(p.pid(), syscall.SIGKILL)
		<-p.done
	}
	for _, s := range family {
		if !s.gone() {
			_ = syscall.Kill(s.pid, syscall.SIGKILL)
		}
	}
	// An orphan is not ours to wait for: watch it go.
	for deadline := time.Now().Add(stopGrace); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if !slices.ContainsFunc(family, func(s stat) bool { return !s.gone() }) {
			return
		}
	}
}

// lastLine of the log, for an error message.
func (p *process) lastLine() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	last := lines[len(lines)-1]
	return last[:min(200, len(last))]
}

// runPinned runs argv in dir to its end on the CPUs of the list and returns
// its standard output and exit status; an error when it did not run or was
// stopped by the context or a signal.
func runPinned(ctx context.Context, cpus, dir string, argv []string) (stdout []byte, status int, err error) {
	cmd := exec.CommandContext(ctx, "taskset", pinned(cpus, argv)...)
	var out, errOut bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errOut
	cmd.SysProcAttr = childAttributes()
	cmd.WaitDelay = stopGrace
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, 0, ctx.Err()
	case err == nil:
		return out.Bytes(), 0, nil
	case errors.As(err, &exit) && exit.Exited():
		last := strings.TrimSpace(errOut.String())
		if exit.ExitCode() > 125 { // taskset or the loader: nothing ran
			return nil, 0, fmt.Errorf("run %s: %s", argv[0], last)
		}
		return out.Bytes(), exit.ExitCode(), nil
	default:
		return nil, 0, fmt.Errorf("run %s: %w", argv[0], err)
	}
}
