// Package cgroup2 prepares groups of cgroup version 2, where a group has a
// controller only if its parent hands it down, and a group that hands one down
// may hold no process itself (the kernel's "no internal process constraint";
// only the root of all is exempt).
package cgroup2

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Controllers that kubelet and runc cannot do without.
var Controllers = []string{"cpu", "cpuset", "memory", "pids"}

const (
	offered = "cgroup.controllers"
	handed  = "cgroup.subtree_control"
)

// Mounted tells whether root, where cgroups are mounted, is of version 2.
func Mounted(root string) bool {
	_, err := os.Stat(filepath.Join(root, offered))
	return err == nil
}

// Make makes the group of the relative path below root, and hands Controllers
// down to it: root and every group on the way do. The group itself hands none
// down yet, so that a process may enter it. All exist or are made; a group that
// is there stays as it is.
func Make(root, path string) error {
	parent := root
	for part := range strings.SplitSeq(filepath.Clean(path), "/") {
		if err := HandDown(parent); err != nil {
			return err
		}
		parent = filepath.Join(parent, part)
		if err := os.Mkdir(parent, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// HandDown lets the groups below dir have Controllers. dir may hold no process.
func HandDown(dir string) error {
	has, err := words(filepath.Join(dir, offered))
	if err != nil {
		return err
	}
	hands, err := words(filepath.Join(dir, handed))
	if err != nil {
		return err
	}
	for _, c := range Controllers {
		if slices.Contains(hands, c) {
			continue
		}
		if !slices.Contains(has, c) {
			return fmt.Errorf("cgroup %s has no controller %s: its parent must name it in %s", dir, c, handed)
		}
		if err := write(filepath.Join(dir, handed), "+"+c); err != nil {
			return fmt.Errorf("cgroup %s cannot hand %s down, which only one without processes can: %w", dir, c, err)
		}
	}
	return nil
}

func words(path string) ([]string, error) {
	raw, err := os.ReadFile(path)
	return strings.Fields(string(raw)), err
}

// write makes no file: the kernel has made all that there are.
func write(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text + "\n")
	return errors.Join(err, f.Close())
}
