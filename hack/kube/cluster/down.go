//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Down removes the cluster with all it made. See the package's Down.
func (c *Cluster) Down(ctx context.Context) error {
	if !c.Local() {
		return fmt.Errorf("take cluster down: %w", ErrNotLocal)
	}
	return Down(ctx, c.state.Options.StateDir, c.state.Options.Name)
}

// Down removes the local cluster called name, and its files below stateDir:
// processes, mounts, network namespaces and interfaces, cgroups. Empty means
// the default of each. It works on the remains of a crashed cluster as well,
// and does nothing if there are none.
func Down(ctx context.Context, stateDir, name string) error {
	dir, err := checkStateDir(orDefault(stateDir, DefaultStateDir))
	if err != nil {
		return err
	}
	name = orDefault(name, DefaultName)
	if !nameRule.MatchString(name) {
		return fmt.Errorf("cluster name %q", name)
	}
	unlock, err := lockState(dir)
	if err != nil {
		return err
	}
	defer unlock()
	return down(ctx, Options{Name: name, StateDir: dir})
}

// down does the steps in the order of what holds what: processes hold
// namespaces, cgroups and mounts. A step that fails does not stop the others.
func down(ctx context.Context, o Options) error {
	s, err := loadState(o.StateDir)
	if err != nil {
		return err
	}
	var errs []error
	if s != nil {
		// The directory may hold a cluster of another name.
		o.Name = s.Options.Name
		for _, m := range s.Machines {
			errs = append(errs, m.kill(ctx))
		}
	}
	errs = append(errs, o.removeNetwork(ctx), o.removeCgroups())
	if err := errors.Join(errs...); err != nil {
		// The files say what is still to be done.
		return err
	}
	if s == nil {
		// Not known to be ours: there is nothing in it that we wrote, or the
		// first write did not happen.
		_ = os.Remove(o.StateDir)
		return nil
	}
	return os.RemoveAll(o.StateDir)
}

// saveLogs keeps the logs of a cluster that did not come up, beside its state
// directory, replacing those of the last failure.
func saveLogs(o Options) string {
	target := o.StateDir + ".failed"
	if err := os.RemoveAll(target); err != nil {
		return err.Error()
	}
	logs, err := filepath.Glob(filepath.Join(o.StateDir, "*", "log"))
	if err != nil {
		return err.Error()
	}
	more, _ := filepath.Glob(filepath.Join(o.StateDir, "*", "machine.log"))
	for _, path := range append(logs, more...) {
		machine := filepath.Join(target, filepath.Base(filepath.Dir(path)))
		if err := os.MkdirAll(machine, 0o755); err != nil {
			return err.Error()
		}
		if err := os.Rename(path, filepath.Join(machine, filepath.Base(path))); err != nil {
			return err.Error()
		}
	}
	return target
}
