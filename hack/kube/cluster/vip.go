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

// VIPNet is where a local cluster's load balancer addresses are taken from.
const VIPNet = "203.0.113.0/24"

// AssignVIP gives a Service of type LoadBalancer the address ip of VIPNet and
// routes it from the client machine to all nodes, each flow to one of them,
// as MetalLB and a router do by BGP and ECMP. In a cluster of the user's own
// the load balancer is theirs, and AssignVIP fails with ErrNotLocal.
func (c *Cluster) AssignVIP(ctx context.Context, namespace, service, ip string) error {
	if !c.Local() {
		return fmt.Errorf("assign %s to %s/%s: %w", ip, namespace, service, ErrNotLocal)
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil || !netip.MustParsePrefix(VIPNet).Contains(addr) {
		return fmt.Errorf("address %q: want one of %s", ip, VIPNet)
	}
	patch, err := json.Marshal(map[string]any{"status": map[string]any{
		"loadBalancer": map[string]any{"ingress": []map[string]string{{"ip": ip, "ipMode": "VIP"}}},
	}})
	if err != nil {
		return err
	}
	_, err = c.client.CoreV1().Services(namespace).Patch(ctx, service, types.MergePatchType, patch,
		metav1.PatchOptions{}, "status")
	if err != nil {
		return fmt.Errorf("assign %s: %w", ip, err)
	}
	return c.RouteVIP(ctx, ip, c.Nodes()...)
}

// RouteVIP routes ip from the client machine to the given nodes, as after the
// others withdrew their announcement. With none, packets to ip are refused as
// unreachable.
func (c *Cluster) RouteVIP(ctx context.Context, ip string, nodes ...string) error {
	if !c.Local() {
		return fmt.Errorf("route %s: %w", ip, ErrNotLocal)
	}
	if _, err := netip.ParseAddr(ip); err != nil {
		return fmt.Errorf("address %q: %w", ip, err)
	}
	route := "route replace unreachable " + ip
	if len(nodes) > 0 {
		var b strings.Builder
		b.WriteString("route replace " + ip)
		// In one order whatever the caller's: the kernel maps flows to next
		// hops by their place.
		for _, node := range slices.Sorted(slices.Values(nodes)) {
			via, err := c.NodeIP(node)
			if err != nil {
				return err
			}
			b.WriteString(" nexthop via " + via)
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
