//go:build linux

package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/hack/kube/nodeinit/spec"
)

// prepare turns the fresh namespaces into a machine.
func prepare(m spec.Machine) error {
	if err := unix.Sethostname([]byte(m.Hostname)); err != nil {
		return fmt.Errorf("set host name %q: %w", m.Hostname, err)
	}
	// Slave: nothing mounted here reaches the host. Shared on top: pods' own
	// mount namespaces follow this machine's, as kubelet requires.
	for _, flags := range []uintptr{unix.MS_REC | unix.MS_SLAVE, unix.MS_REC | unix.MS_SHARED} {
		if err := unix.Mount("", "/", "", flags, ""); err != nil {
			return fmt.Errorf("change propagation of /: %w", err)
		}
	}
	// The new process namespace needs its own /proc, or pids would be the host's.
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for _, b := range m.Binds {
		if err := unix.Mount(b.Source, b.Target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("bind %s to %s: %w", b.Source, b.Target, err)
		}
	}
	for _, dir := range m.Tmpfs {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount tmpfs on %s: %w", dir, err)
		}
	}
	// iptables-style lock files and CNI namespaces expect these to exist.
	return os.MkdirAll("/run/lock", 0o755)
}
