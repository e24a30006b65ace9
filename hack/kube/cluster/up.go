//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// cleanupLimit bounds what is done after the caller's context has ended.
const cleanupLimit = 30 * time.Second

// Up brings a cluster up and waits until its nodes are ready. A complete
// cluster with the same options is left as it is and returned; anything else
// that is left of one in the state directory is removed first. If Up fails or
// ctx ends, nothing is left behind. It needs root.
func Up(ctx context.Context, o Options) (*Cluster, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a local cluster needs root: it makes network namespaces and mounts")
	}
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(programsPresent(), ipv6Present()); err != nil {
		return nil, err
	}
	unlock, err := lockState(o.StateDir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if c, err := Open(o.StateDir); err == nil && c.state.Options.same(o) {
		c.state.Options.Logf = o.Logf
		return c, c.waitReady(ctx)
	}
	if err := down(ctx, o); err != nil {
		return nil, fmt.Errorf("remove what is left of the last cluster: %w", err)
	}
	c, err := bringUp(ctx, o)
	if err != nil {
		// The caller's context may be what ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupLimit)
		defer cancel()
		saved := saveLogs(o)
		return nil, errors.Join(fmt.Errorf("bring up cluster (logs in %s): %w", saved, err), down(ctx, o))
	}
	return c, nil
}

// programsPresent names what is missing now, rather than let a node fail to
// start for it later.
func programsPresent() error {
	for _, name := range []string{"ip", "nft", "nsenter", "runc", "conntrack"} {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w: run hack/tools/packages.sh hack/kube/packages.txt", err)
		}
	}
	_, err := findCNIPlugins()
	return err
}

// same compares what makes a cluster.
func (o Options) same(other Options) bool {
	o.Logf, other.Logf = nil, nil
	return fmt.Sprint(o) == fmt.Sprint(other)
}

func bringUp(ctx context.Context, o Options) (*Cluster, error) {
	begin := time.Now()
	step := func(what string) { o.Logf("%6.2fs %s", time.Since(begin).Seconds(), what) }
	if err := os.MkdirAll(o.StateDir, 0o700); err != nil {
		return nil, err
	}
	s := &state{Options: o}
	// Before anything else: Down learns from it what there may be.
	if err := s.save(); err != nil {
		return nil, err
	}
	if err := o.buildNetwork(ctx); err != nil {
		return nil, fmt.Errorf("build network: %w", err)
	}
	step("network built")
	if err := s.startMachines(ctx); err != nil {
		return nil, err
	}
	step("machines started")
	c, err := FromKubeconfig(filepath.Join(o.StateDir, kubeconfigOut))
	if err != nil {
		return nil, err
	}
	c.state = s
	if err := c.loadPause(ctx); err != nil {
		return nil, fmt.Errorf("load pause image: %w", err)
	}
	step("pause image on every node")
	if err := c.waitReady(ctx); err != nil {
		return nil, err
	}
	step("nodes ready")
	return c, nil
}

func (s *state) startMachines(ctx context.Context) error {
	a, err := newAuthority(filepath.Join(s.Options.StateDir, "pki"))
	if err != nil {
		return err
	}
	first, err := s.Options.controlPlane(a)
	if err != nil {
		return err
	}
	if err := s.start(first); err != nil {
		return err
	}
	for n := 1; n <= s.Options.Nodes; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := s.Options.node(a, n)
		if err != nil {
			return err
		}
		if err := s.start(m); err != nil {
			return err
		}
	}
	return nil
}
