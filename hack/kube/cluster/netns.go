//go:build linux

package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// netnsDir is where ip(8) keeps named network namespaces.
const netnsDir = "/run/netns"

func netnsPath(ns string) string { return filepath.Join(netnsDir, ns) }

// inNetns runs f with its operating system thread in the network namespace ns.
// Sockets that f opens and processes that f starts belong there for good;
// goroutines that f starts do not.
func inNetns(ns string, f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer home.Close()
	target, err := os.Open(netnsPath(ns))
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("network namespace: %w", err)
	}
	defer target.Close()
	if err := unix.Setns(int(target.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace %s: %w", ns, err)
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		// The thread stays locked, so it ends with its goroutine and nothing
		// else ever runs in the wrong namespace.
		return fmt.Errorf("leave network namespace %s: %w", ns, back)
	}
	runtime.UnlockOSThread()
	return err
}
