//go:build linux

package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// state is what is known of a cluster after the process that made it is gone.
type state struct {
	Options  Options   `json:"options"`
	Machines []process `json:"machines"`
}

const stateFile = "state.json"

// load reads the state below dir; a cluster that is not there has none, which
// is no error.
func loadState(dir string) (*state, error) {
	raw, err := os.ReadFile(filepath.Join(dir, stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &state{}
	if err := json.Unmarshal(raw, s); err != nil {
		return nil, fmt.Errorf("parse %s: %w", filepath.Join(dir, stateFile), err)
	}
	return s, nil
}

// save replaces the file as a whole: a crash leaves the old or the new one.
func (s *state) save() error {
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(s.Options.StateDir, stateFile)
	if err := os.WriteFile(path+".new", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// lockState keeps two programs from changing one cluster at once. The lock
// file lies beside the directory, because Down removes the directory.
func lockState(dir string) (unlock func(), err error) {
	unlock, err = LockFile(dir + ".lock")
	if err != nil {
		return nil, fmt.Errorf("cluster in %s is being changed by another program: %w", dir, err)
	}
	return unlock, nil
}

// LockFile makes the file and locks it, or fails at once if another program has.
// The file is removed with the lock, so that nothing is left behind; the kernel
// frees the lock of a program that dies.
func LockFile(path string) (unlock func(), err error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if sameFile(f, path) {
			return func() {
				_ = os.Remove(path)
				f.Close()
			}, nil
		}
		// Its holder removed the file between our opening and locking it.
		f.Close()
	}
}

func sameFile(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(opened, named)
}
