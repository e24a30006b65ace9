//go:build linux

package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// NATSide is the machine behind the NAT, for MachineCommand, once HideBehindNAT has made it.
const NATSide = "nat"

// NATNet is where the phones behind the NAT are, each at any address of it, and NATAddress
// what all of them are seen as: one of PhoneNet.
const (
	NATNet     = "192.168.77.0/24"
	NATAddress = "198.51.100.254"
	// natGateway is the client machine's end of the cable.
	natGateway = "169.254.77.1"
	natLink    = "nat0"
)

// HideBehindNAT makes a network of phones that reach the cluster by the client machine,
// through a NAT of Linux' own kind (nftables, masquerade): a packet comes in from an address
// and port alone to which one went out from there, and no longer than forget after the last
// one. It is there until Down; a second call changes forget alone.
func (c *Cluster) HideBehindNAT(ctx context.Context, forget time.Duration) error {
	if !c.Local() {
		return fmt.Errorf("NAT: %w", ErrNotLocal)
	}
	o := c.state.Options
	ns := o.natNS()
	if _, err := os.Stat(netnsPath(ns)); err != nil {
		if err := o.buildNAT(ctx, ns); err != nil {
			return fmt.Errorf("NAT: %w", err)
		}
	}
	return inNetns(ns, func() error {
		seconds := []byte(fmt.Sprint(int(forget.Seconds())))
		for _, key := range []string{"nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"} {
			if err := os.WriteFile("/proc/sys/net/netfilter/"+key, seconds, 0); err != nil {
				return err
			}
		}
		return nil
	})
}

func (o Options) natNS() string { return o.Name + "-nat" }

func (o Options) buildNAT(ctx context.Context, ns string) error {
	if err := run(ctx, "ip", "netns", "add", ns); err != nil {
		return err
	}
	if err := inNetns(ns, writeSysctls); err != nil {
		return err
	}
	if err := ipBatch(ctx, ns,
		"link set lo up",
		fmt.Sprintf("link add eth0 type veth peer name %s netns %s", natLink, o.clientNS()),
		"addr add "+NATAddress+"/32 dev eth0",
		"link set eth0 up",
		"route add "+natGateway+"/32 dev eth0",
		"route add default via "+natGateway+" dev eth0",
		"route add local "+NATNet+" dev lo"); err != nil {
		return err
	}
	// All of PhoneNet is the client machine's own, by its table of what is: this one is not.
	if err := ipBatch(ctx, o.clientNS(),
		"addr add "+natGateway+"/32 dev "+natLink,
		"link set "+natLink+" up",
		"route add "+NATAddress+"/32 dev "+natLink+" table local scope link"); err != nil {
		return err
	}
	cmd := nsenter(ctx, ns, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(natRules)
	cmd.Stderr = nil // CombinedOutput's
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// natRules translate what goes out, and drop what comes in unasked.
const natRules = `table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "eth0" ip saddr ` + NATNet + ` masquerade
  }
}
table ip filter {
  chain input {
    type filter hook input priority filter;
    iifname "eth0" ct state != { established, related } drop
  }
}
`

// InNAT is InClient behind the NAT. Any address of NATNet may be bound to.
func (c *Cluster) InNAT(f func() error) error {
	if !c.Local() {
		return fmt.Errorf("NAT: %w", ErrNotLocal)
	}
	return inNetns(c.state.Options.natNS(), f)
}

// NATCommand is ClientCommand behind the NAT.
func (c *Cluster) NATCommand(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	if !c.Local() {
		return nil, fmt.Errorf("NAT: %w", ErrNotLocal)
	}
	return nsenter(ctx, c.state.Options.natNS(), name, args...), nil
}
