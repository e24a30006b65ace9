//go:build linux

package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// Machines are the names of all that a local cluster consists of, as Partition and
// MachineCommand take them.
func (c *Cluster) Machines() []string {
	if !c.Local() {
		return nil
	}
	all := append(c.Nodes(), ControlPlane, ClientSide)
	if _, err := os.Stat(netnsPath(c.state.Options.natNS())); err == nil {
		all = append(all, NATSide)
	}
	return all
}

// MachineCommand is exec.CommandContext on the network of a machine, whether or not its
// cable is plugged in. What is written to standard error is not shown.
func (c *Cluster) MachineCommand(ctx context.Context, machine, name string, args ...string) (*exec.Cmd, error) {
	if !c.Local() {
		return nil, fmt.Errorf("machine %s: %w", machine, ErrNotLocal)
	}
	ns, err := c.namespaceOf(machine)
	if err != nil {
		return nil, err
	}
	cmd := nsenter(ctx, ns, name, args...)
	cmd.Stderr = nil
	return cmd, nil
}

func (c *Cluster) namespaceOf(machine string) (string, error) {
	switch machine {
	case ControlPlane:
		return c.state.Options.controlPlaneNS(), nil
	case ClientSide:
		return c.state.Options.clientNS(), nil
	case NATSide:
		return c.state.Options.natNS(), nil
	}
	n, err := c.nodeNumber(machine)
	return c.state.Options.nodeNS(n), err
}
