//go:build linux

package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/hack/kube/cgroup2"
	"github.com/sipring/sipring/hack/kube/nodeinit/spec"
)

const (
	cgroupFS    = "/sys/fs/cgroup"
	cgroupTop   = "sipring-kube"
	cgroupDrain = 5 * time.Second
)

// cgroup is the group, relative to a hierarchy's root, that holds everything
// on one machine; on all machines if machine is empty.
func (o Options) cgroup(machine string) string { return filepath.Join(cgroupTop, o.Name, machine) }

// hierarchies are the mount points of the cgroup controllers: one for all in
// version 2, one for each in version 1.
func hierarchies() ([]string, error) {
	if cgroup2.Mounted(cgroupFS) {
		return []string{cgroupFS}, nil
	}
	entries, err := os.ReadDir(cgroupFS)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, entry := range entries {
		dir := filepath.Join(cgroupFS, entry.Name())
		// A link, such as cpu to cpu,cpuacct, is another one's second name.
		if entry.IsDir() && isFile(filepath.Join(dir, "cgroup.procs")) {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("no cgroups mounted below %s", cgroupFS)
	}
	return dirs, nil
}

// makeCgroups makes the machine's group in every hierarchy, and lets the
// machine see it as the root: kubelets of several nodes, seeing one tree,
// would remove each other's pods.
func (o Options) makeCgroups(m *machine) error {
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	leaf := filepath.Join(o.cgroup(m.name), spec.Leaf)
	for _, dir := range dirs {
		// Not the leaf, for which the machine's group, still to be entered,
		// would have to hand them down.
		if dir == cgroupFS {
			if err := cgroup2.Make(dir, o.cgroup(m.name)); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(filepath.Join(dir, leaf), 0o755); err != nil {
			return err
		}
		if err := inheritCpuset(dir, leaf); err != nil {
			return err
		}
		m.spec.Binds = append(m.spec.Binds, spec.Bind{Source: filepath.Join(dir, o.cgroup(m.name)), Target: dir})
	}
	m.spec.Cgroups = dirs
	return nil
}

// enterCgroups moves the machine's first process to its groups.
func (o Options) enterCgroups(m machine, pid int) error {
	for _, dir := range m.spec.Cgroups {
		procs := filepath.Join(dir, o.cgroup(m.name), "cgroup.procs")
		if err := os.WriteFile(procs, []byte(strconv.Itoa(pid)), 0); err != nil {
			return fmt.Errorf("move %s to its cgroup: %w", m.name, err)
		}
	}
	return nil
}

// inheritCpuset gives every group on the way to path the processors of its
// parent: in version 1 a new group has none and no process can enter it.
func inheritCpuset(root, path string) error {
	parent := root
	for _, part := range strings.Split(path, "/") {
		dir := filepath.Join(parent, part)
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			value, err := os.ReadFile(filepath.Join(parent, file))
			if errors.Is(err, fs.ErrNotExist) || cgroup2.Mounted(root) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, file), value, 0o644); err != nil {
				return err
			}
		}
		parent = dir
	}
	return nil
}

// removeCgroups removes the groups of all machines. Their processes have been
// killed, but the kernel may take a moment to let go of the groups.
func (o Options) removeCgroups() error {
	dirs, err := hierarchies()
	if err != nil {
		return err
	}
	var errs []error
	for _, dir := range dirs {
		errs = append(errs, removeGroup(filepath.Join(dir, o.cgroup(""))))
		// Another cluster may still use the parent; then it is not empty.
		_ = os.Remove(filepath.Join(dir, cgroupTop))
	}
	return errors.Join(errs...)
}

// removeGroup removes a group with all below it, deepest first. Its files
// cannot be removed and need not be.
func removeGroup(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeGroup(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	for deadline := time.Now().Add(cgroupDrain); ; time.Sleep(10 * time.Millisecond) {
		err := unix.Rmdir(dir)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return fmt.Errorf("remove cgroup %s: %w", dir, err)
		}
	}
}
