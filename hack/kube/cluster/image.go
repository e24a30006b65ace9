//go:build linux

package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/sipring/sipring/hack/kube/image"
)

const (
	// loadLimit bounds the import of one image on one node.
	loadLimit = 2 * time.Minute
	// startLimit bounds the wait for containerd's socket on a busy machine.
	startLimit = 2 * time.Minute
)

// LoadImage imports the image tar at path on every node of a local cluster.
// Pods use it with imagePullPolicy IfNotPresent or Never.
func (c *Cluster) LoadImage(ctx context.Context, path string) error {
	if !c.Local() {
		return fmt.Errorf("load image %s: %w; push it to a registry the cluster can pull from", path, ErrNotLocal)
	}
	ctx, cancel := context.WithTimeout(ctx, loadLimit)
	defer cancel()
	errs := make(chan error, c.state.Options.Nodes)
	var loads sync.WaitGroup
	for n := 1; n <= c.state.Options.Nodes; n++ {
		loads.Go(func() { errs <- c.loadOn(ctx, NodeName(n), path) })
	}
	loads.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) loadOn(ctx context.Context, node, path string) error {
	ctr := filepath.Join(c.state.Options.AssetsDir, "ctr")
	socket := c.state.Options.containerdSocket(node)
	// k8s.io is the containerd namespace that kubelet's runtime looks in.
	return run(ctx, ctr, "--address", socket, "--namespace", "k8s.io", "images", "import", "--no-unpack=false", path)
}

// loadPause imports the pause image as soon as containerd answers.
func (c *Cluster) loadPause(ctx context.Context) error {
	o := c.state.Options
	tar := filepath.Join(o.StateDir, "pause.tar")
	err := image.Write(tar, image.Image{Name: PauseImage, Binary: filepath.Join(o.AssetsDir, "pause")})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	return Eventually(ctx, func(ctx context.Context) error { return c.LoadImage(ctx, tar) })
}
