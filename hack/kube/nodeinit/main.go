//go:build linux

// Command nodeinit is process 1 of one machine of the local cluster.
//
// It is started in its own process, mount, host name and IPC namespaces, in
// the network namespace and the cgroups of its machine. It gives the machine
// its own cgroup tree, /proc, /run, /var/lib and /var/log, starts the programs of the specification named
// by its only argument, starts again what ends, and reaps orphans. Everything
// the machine does lives below this one process: when it is killed, the kernel
// kills all of it and drops its mounts, whatever state it was in.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/hack/kube/nodeinit/spec"
)

func main() {
	if err := run(); err != nil {
		slog.Error("machine stopped", "err", err)
		os.Exit(1)
	}
}

// inside is the second argument of a nodeinit that has reached its cgroup
// namespace.
const inside = "inside"

func run() error {
	switch {
	case len(os.Args) == 2:
		if err := awaitRecorded(os.NewFile(spec.GoFD, "go")); err != nil {
			return err
		}
		return enterCgroupNamespace(os.Args[0], os.Args[1])
	case len(os.Args) == 3 && os.Args[2] == inside:
		return runMachine(os.Args[1])
	default:
		return fmt.Errorf("usage: nodeinit SPEC.json")
	}
}

func runMachine(path string) error {
	machine, err := load(path)
	if err != nil {
		return err
	}
	if err := prepare(machine); err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM, unix.SIGINT)
	// Before the first child: an unhandled SIGCHLD would be lost.
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	return newSupervisor(machine).run(stop, died)
}

func load(path string) (spec.Machine, error) {
	var m spec.Machine
	raw, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("parse %s: %w", path, err)
	}
	return m, nil
}

// awaitRecorded waits until the starter has written down this process's id.
// If the starter dies first the pipe closes without a byte, and nothing has
// been started that nobody would know how to find again.
func awaitRecorded(pipe *os.File) error {
	defer pipe.Close()
	var b [1]byte
	if _, err := io.ReadFull(pipe, b[:]); err != nil {
		return fmt.Errorf("starter went away before recording this process: %w", err)
	}
	return nil
}
