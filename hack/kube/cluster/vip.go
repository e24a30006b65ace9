//go:build linux

package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// VIPNet and VIPNet6 are where a local cluster's load balancer addresses are taken
// from.
const (
	VIPNet  = "203.0.113.0/24"
	VIPNet6 = "2001:db8:203::/64"
)

// AssignVIP gives a Service of type LoadBalancer addresses of VIPNet or VIPNet6,
// one of each family that the Service has, and routes them from the client
// machine to all nodes, each flow to one of them, as MetalLB and a router do by
// BGP and ECMP. In a cluster of the user's own the load balancer is theirs, and
// AssignVIP fails with ErrNotLocal.
func (c *Cluster) AssignVIP(ctx context.Context, namespace, service string, ips ...string) error {
	if !c.Local() {
		return fmt.Errorf("assign %v to %s/%s: %w", ips, namespace, service, ErrNotLocal)
	}
	var ingress []map[string]string
	for _, ip := range ips {
		if !isVIP(ip) {
			return fmt.Errorf("address %q: want one of %s or %s", ip, VIPNet, VIPNet6)
		}
		ingress = append(ingress, map[string]string{"ip": ip, "ipMode": "VIP"})
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{
		"loadBalancer": map[string]any{"ingress": ingress},
	}})
	if err != nil {
		return err
	}
	_, err = c.client.CoreV1().Services(namespace).Patch(ctx, service, types.MergePatchType, patch,
		metav1.PatchOptions{}, "status")
	if err != nil {
		return fmt.Errorf("assign %v: %w", ips, err)
	}
	for _, ip := range ips {
		if err := c.RouteVIP(ctx, ip, c.Nodes()...); err != nil {
			return err
		}
	}
	return nil
}

func isVIP(ip string) bool {
	addr, err := netip.ParseAddr(ip)
	return err == nil && (netip.MustParsePrefix(VIPNet).Contains(addr) || netip.MustParsePrefix(VIPNet6).Contains(addr))
}

// RouteVIP routes ip from the client machine to the given nodes, as after the
// others withdrew their announcement. With none, packets to ip are refused as
// unreachable.
func (c *Cluster) RouteVIP(ctx context.Context, ip string, nodes ...string) error {
	if !c.Local() {
		return fmt.Errorf("route %s: %w", ip, ErrNotLocal)
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return fmt.Errorf("address %q: %w", ip, err)
	}
	route := "route replace unreachable " + ip
	if len(nodes) > 0 {
		var b strings.Builder
		b.WriteString("route replace " + ip)
		// In one order whatever the caller's: the kernel maps flows to next
		// hops by their place.
		for _, node := range slices.Sorted(slices.Values(nodes)) {
			n, err := c.nodeNumber(node)
			if err != nil {
				return err
			}
			p := newPlan(c.state.Options.Subnet)
			if addr.Is6() {
				p = p.v6()
			}
			b.WriteString(" nexthop via " + p.node(n))
		}
		route = b.String()
	}
	return ipBatch(ctx, c.state.Options.clientNS(), route)
}

// Nodes are the names of a local cluster's nodes.
func (c *Cluster) Nodes() []string {
	if !c.Local() {
		return nil
	}
	var names []string
	for n := 1; n <= c.state.Options.Nodes; n++ {
		names = append(names, NodeName(n))
	}
	return names
}
