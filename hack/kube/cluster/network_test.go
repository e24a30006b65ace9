//go:build linux

package cluster

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Down deletes what ownsNetns claims: it must claim nothing of another.
func TestOwnsNetns(t *testing.T) {
	o := Options{Name: "sip"}
	tests := map[string]bool{
		"sip-fabric":     true,
		"sip-cp":         true,
		"sip-client":     true,
		"sip-nat":        true,
		"sip-node1":      true,
		"sip-node50":     true,
		"sip":            false,
		"sip-":           false,
		"sip-node":       false,
		"sip-node01":     false,
		"sip-node1x":     false,
		"sip-nodes":      false,
		"sip-other":      false,
		"sipring-node1":  false,
		"x-sip-node1":    false,
		"sip-client-old": false,
	}
	for ns, want := range tests {
		if got := o.ownsNetns(ns); got != want {
			t.Errorf("ownsNetns(%q) = %t, want %t", ns, got, want)
		}
	}
}

func TestEveryInterfaceNameFits(t *testing.T) {
	const limit = 15 // IFNAMSIZ without the terminator
	o := Options{Name: "abcdefgh"}
	for _, name := range []string{o.hostLink(), port("host"), port("client"), port(NodeName(maxNodes))} {
		if len(name) > limit {
			t.Errorf("interface name %q is longer than %d", name, limit)
		}
	}
}

func TestRangesDoNotOverlap(t *testing.T) {
	for _, p := range newPlan("10.77.0.0/16").both() {
		rangesDoNotOverlap(t, p)
	}
}

func rangesDoNotOverlap(t *testing.T, p plan) {
	t.Helper()
	machines := netip.MustParsePrefix(p.onLink(p.host())).Masked()
	pods, services := netip.MustParsePrefix(p.allPods()), netip.MustParsePrefix(p.services())
	for _, pair := range [][2]netip.Prefix{{machines, pods}, {machines, services}, {pods, services}} {
		if pair[0].Overlaps(pair[1]) {
			t.Errorf("%s overlaps %s", pair[0], pair[1])
		}
	}
	for n := 1; n <= maxNodes; n++ {
		net := netip.MustParsePrefix(p.podNet(n))
		if !pods.Contains(net.Addr()) || net != net.Masked() {
			t.Errorf("pods of %s: %s is not a range within %s", NodeName(n), net, pods)
		}
		if !machines.Contains(netip.MustParseAddr(p.node(n))) {
			t.Errorf("%s: %s is not in %s", NodeName(n), p.node(n), machines)
		}
	}
}

func TestSubnetInUse(t *testing.T) {
	tests := map[string]bool{
		"10.77.0.1/24":  true,
		"10.0.0.1/8":    true, // the subnet lies within
		"10.78.0.1/24":  false,
		"192.0.2.2/24":  false,
		"fe80::1/64":    false,
		"10.77.64.9/32": true,
	}
	for addr, want := range tests {
		ip, n, err := net.ParseCIDR(addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := inSubnet(&net.IPNet{IP: ip, Mask: n.Mask}, "10.77.0.0/16"); got != want {
			t.Errorf("inSubnet(%s) = %t, want %t", addr, got, want)
		}
	}
}

func TestRoutesLeadToEveryOtherNodesPods(t *testing.T) {
	o := Options{Nodes: 2}
	p := newPlan("10.77.0.0/16")
	tests := map[string]struct {
		plan plan
		self string
		want []string
	}{
		"node": {p, p.node(1), []string{
			"route add 10.77.66.0/24 via 10.77.0.12",
			"route add 198.51.100.0/24 via 10.77.0.3",
			"route add 10.77.128.0/20 via 10.77.0.2",
		}},
		"node, of IPv6": {p.v6(), p.v6().node(1), []string{
			"route add fd73:6970:a4d:42::/64 via fd73:6970:a4d::c",
			"route add 2001:db8:198::/64 via fd73:6970:a4d::3",
			"route add fd73:6970:a4d:80::/112 via fd73:6970:a4d::2",
		}},
		"client has the phones itself": {p, p.client(), []string{
			"route add 10.77.65.0/24 via 10.77.0.11",
			"route add 10.77.66.0/24 via 10.77.0.12",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, o.routes(test.plan, test.self)); diff != "" {
				t.Errorf("routes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPartitionRules(t *testing.T) {
	const reset = "add table bridge partition\ndelete table bridge partition\n"
	if got := partitionRules(nil); got != reset {
		t.Errorf("no groups: %q, want %q", got, reset)
	}
	want := reset + `table bridge partition {
  chain forward {
    type filter hook forward priority 0;
    iifname { p-node1, p-node2 } oifname { p-node3 } drop
    iifname { p-node3 } oifname { p-node1, p-node2 } drop
  }
}
`
	got := partitionRules([][]string{{"p-node1", "p-node2"}, {"p-node3"}})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("two groups (-want +got):\n%s", diff)
	}
}

func TestEitherFamilysAddressesAreVIPs(t *testing.T) {
	tests := map[string]bool{
		"203.0.113.10": true, "2001:db8:203::10": true,
		"203.0.114.1": false, "2001:db8:198::1": false, "::ffff:203.0.113.10": false, "vip": false, "": false,
	}
	for ip, want := range tests {
		if got := isVIP(ip); got != want {
			t.Errorf("isVIP(%q) = %t, want %t", ip, got, want)
		}
	}
}
