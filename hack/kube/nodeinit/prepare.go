//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/hack/kube/cgroup2"
	"github.com/sipring/sipring/hack/kube/nodeinit/spec"
)

// enterCgroupNamespace makes the cgroups that this process is in the root of
// all that the machine sees, and starts the program self over. A namespace is
// left by threads one by one; executing anew, this thread's becomes everyone's.
func enterCgroupNamespace(self, specPath string) error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("leave the host's cgroup namespace: %w", err)
	}
	return unix.Exec(self, []string{self, specPath, inside}, os.Environ())
}

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
	if err := moveToLeaf(m.Cgroups); err != nil {
		return err
	}
	for _, dir := range m.Tmpfs {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount tmpfs on %s: %w", dir, err)
		}
	}
	// iptables-style lock files and CNI namespaces expect these to exist.
	return os.MkdirAll("/run/lock", 0o755)
}

// cgroupFS is where version 2, alone, is mounted. Beside version 1 it has a
// place of its own, and no controllers.
const cgroupFS = "/sys/fs/cgroup"

// moveToLeaf moves this process, and with it all it will start, out of the
// root of the machine's cgroups: in version 2 a group that holds processes
// cannot hand controllers down to those below it, where the pods' will be.
func moveToLeaf(hierarchies []string) error {
	for _, dir := range hierarchies {
		procs := filepath.Join(dir, spec.Leaf, "cgroup.procs")
		if err := os.WriteFile(procs, []byte("0"), 0); err != nil {
			return fmt.Errorf("enter cgroup: %w", err)
		}
		if dir == cgroupFS && cgroup2.Mounted(dir) {
			if err := cgroup2.HandDown(dir); err != nil {
				return err
			}
		}
	}
	return nil
}
