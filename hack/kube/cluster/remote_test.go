//go:build linux

package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A cluster of the user's own gives tests a reason to skip, never a panic.
func TestWhatNeedsMachinesSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, clientConfig("https://127.0.0.1:1", nil, nil, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", path)
	c, err := Connect(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Local() {
		t.Fatal("cluster of another's kubeconfig counts as local")
	}
	ctx := t.Context()
	calls := map[string]func() error{
		"CutNode":   func() error { return c.CutNode(ctx, "node1") },
		"HealNode":  func() error { return c.HealNode(ctx, "node1") },
		"Partition": func() error { return c.Partition(ctx) },
		"KillContainerProcess": func() error {
			_, err := c.KillContainerProcess(ctx, "default", "p", "c", unix.SIGKILL)
			return err
		},
		"LoadImage": func() error { return c.LoadImage(ctx, "x.tar") },
		"AssignVIP": func() error { return c.AssignVIP(ctx, "default", "s", "203.0.113.1") },
		"AnnounceVIP": func() error {
			_, err := c.AnnounceVIP(ctx, "default", "s", "203.0.113.1")
			return err
		},
		"RouteVIP": func() error { return c.RouteVIP(ctx, "203.0.113.1") },
		"InClient": func() error { return c.InClient(func() error { return nil }) },
		"ClientCommand": func() error {
			_, err := c.ClientCommand(ctx, "true")
			return err
		},
		"NodeIP": func() error {
			_, err := c.NodeIP("node1")
			return err
		},
		"Down": func() error { return c.Down(ctx) },
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, ErrNotLocal) {
			t.Errorf("%s: %v, want ErrNotLocal", name, err)
		}
	}
}
