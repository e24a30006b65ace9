//go:build linux

package cluster

import (
	"context"
	"fmt"
	"strings"
)

// Machines, besides the nodes, that Partition takes.
const (
	ControlPlane = "control-plane"
	ClientSide   = "client"
)

// Partition drops every frame between machines of different groups, until the
// next call. A machine that is in no group reaches all. Without groups the
// network is whole again. Machines are named as the nodes are, ControlPlane or
// ClientSide; the host reaches all.
func (c *Cluster) Partition(ctx context.Context, groups ...[]string) error {
	if !c.Local() {
		return fmt.Errorf("partition: %w", ErrNotLocal)
	}
	ports := make([][]string, len(groups))
	for i, group := range groups {
		for _, machine := range group {
			p, err := c.portOf(machine)
			if err != nil {
				return err
			}
			ports[i] = append(ports[i], p)
		}
	}
	cmd := nsenter(ctx, c.state.Options.fabricNS(), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(partitionRules(ports))
	cmd.Stderr = nil // CombinedOutput's
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("partition: %w: %s", err, out)
	}
	return nil
}

func (c *Cluster) portOf(machine string) (string, error) {
	switch machine {
	case ControlPlane:
		return port("cp"), nil
	case ClientSide:
		return port("client"), nil
	}
	_, err := c.nodeNumber(machine)
	return port(machine), err
}

// partitionRules replaces all rules in one transaction. A table must exist to
// be deleted, hence the first line.
func partitionRules(groups [][]string) string {
	var b strings.Builder
	b.WriteString("add table bridge partition\ndelete table bridge partition\n")
	if len(groups) == 0 {
		return b.String()
	}
	b.WriteString("table bridge partition {\n  chain forward {\n    type filter hook forward priority 0;\n")
	for i, from := range groups {
		for j, to := range groups {
			if i != j && len(from) > 0 && len(to) > 0 {
				fmt.Fprintf(&b, "    iifname { %s } oifname { %s } drop\n", strings.Join(from, ", "), strings.Join(to, ", "))
			}
		}
	}
	b.WriteString("  }\n}\n")
	return b.String()
}
