//go:build linux && e2e

package cluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// footprint lists what a cluster might leave on the machine.
func footprint(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, pattern := range []string{
		"/run/netns/selftest*", "/sys/class/net/selftest*", "/sys/fs/cgroup/*/sipring-kube/selftest*",
		"/sys/fs/cgroup/sipring-kube/selftest*", "/sys/fs/cgroup/*/k8s.io", "/sys/fs/cgroup/*/kubepods*", filepath.Join(os.TempDir(), "sipring-selftest*"),
		"/run/containerd", "/var/lib/kubelet", "/var/lib/containerd", "/var/log/pods", "/var/log/containers",
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			fmt.Fprintln(&b, path)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, "selftest") {
			b.WriteString(line)
		}
	}
	b.WriteString(processes(t))
	return b.String()
}

// processes lists those that were started from the cluster's files.
func processes(t *testing.T) string {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(raw), "sipring-selftest") {
			fmt.Fprintln(&b, filepath.Dir(path), strings.ReplaceAll(string(raw), "\x00", " "))
		}
	}
	return b.String()
}
