//go:build linux

package cluster

import (
	"context"
	"fmt"
	"strings"
)

// ClosePort has the API server, and what else runs beside it, reach nobody at a TCP
// port until OpenPort: what they send there is lost, as where a network policy takes
// them for strangers.
func (c *Cluster) ClosePort(ctx context.Context, port int32) error {
	return c.controlPlaneRules(ctx, fmt.Sprintf(
		"table inet closed {\n  chain output {\n    type filter hook output priority 0;\n    tcp dport %d drop\n  }\n}\n", port))
}

// OpenPort ends what ClosePort did.
func (c *Cluster) OpenPort(ctx context.Context) error { return c.controlPlaneRules(ctx, "") }

// controlPlaneRules replaces those of the control plane in one transaction.
func (c *Cluster) controlPlaneRules(ctx context.Context, rules string) error {
	if !c.Local() {
		return fmt.Errorf("control plane: %w", ErrNotLocal)
	}
	cmd := nsenter(ctx, c.state.Options.controlPlaneNS(), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader("add table inet closed\ndelete table inet closed\n" + rules)
	cmd.Stderr = nil // CombinedOutput's
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("control plane: %w: %s", err, out)
	}
	return nil
}
