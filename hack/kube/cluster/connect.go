//go:build linux

package cluster

import (
	"context"
	"os"
)

// Connect returns the cluster to test on: the one that the environment
// variable KUBECONFIG names, or else a local one, brought up with o unless it
// runs already. Neither is taken down by anybody but its user.
func Connect(ctx context.Context, o Options) (*Cluster, error) {
	path := os.Getenv("KUBECONFIG")
	if path == "" {
		return Up(ctx, o)
	}
	c, err := FromKubeconfig(path)
	if err != nil {
		return nil, err
	}
	if c.Local() {
		c.state.Options.Logf = o.Logf
	}
	return c, nil
}
