//go:build linux

package main

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/hack/kube/nodeinit/spec"
)

const restartDelay = time.Second

// supervisor keeps the programs of a machine running. All its state belongs
// to the goroutine that calls run.
type supervisor struct {
	machine spec.Machine
	running map[int]spec.Program
	start   chan spec.Program
}

func newSupervisor(m spec.Machine) *supervisor {
	return &supervisor{
		machine: m,
		running: map[int]spec.Program{},
		start:   make(chan spec.Program, len(m.Programs)),
	}
}

// run returns when told to stop; the kernel then kills whatever is left in the
// process namespace.
func (s *supervisor) run(stop, died <-chan os.Signal) error {
	go s.startInOrder()
	for {
		select {
		case <-stop:
			return nil
		case p := <-s.start:
			if err := s.launch(p); err != nil {
				slog.Error("start program", "name", p.Name, "err", err)
				s.startLater(p)
			}
		case <-died:
			s.reap()
		}
	}
}

// startInOrder hands the programs to run, each as soon as what it needs
// answers.
func (s *supervisor) startInOrder() {
	for _, p := range s.machine.Programs {
		for _, address := range p.After {
			if err := await(address); err != nil {
				slog.Warn("prerequisite does not answer, starting anyway", "name", p.Name, "err", err)
			}
		}
		s.start <- p
	}
}

func (s *supervisor) startLater(p spec.Program) {
	time.AfterFunc(restartDelay, func() { s.start <- p })
}

func (s *supervisor) launch(p spec.Program) error {
	path, err := exec.LookPath(p.Args[0])
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	proc, err := os.StartProcess(path, p.Args, &os.ProcAttr{
		Env:   append(os.Environ(), p.Env...),
		Files: []*os.File{null, log, log},
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	s.running[proc.Pid] = p
	slog.Info("started", "name", p.Name, "pid", proc.Pid)
	// Waiting is reap's business: process 1 inherits children it never
	// started, and wait4(-1) must not compete with a waiter for one of them.
	return proc.Release()
}

// reap collects everything that has ended: one signal may stand for many.
func (s *supervisor) reap() {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		p, ours := s.running[pid]
		if !ours {
			continue
		}
		delete(s.running, pid)
		slog.Warn("program ended, starting it again", "name", p.Name, "pid", pid,
			"exit", status.ExitStatus(), "signal", int(status.Signal()))
		s.startLater(p)
	}
}
