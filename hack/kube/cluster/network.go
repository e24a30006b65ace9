//go:build linux

package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
)

// Names of things outside the state directory; each begins with the cluster's
// name, and Down removes exactly these.
func (o Options) fabricNS() string       { return o.Name + "-fabric" }
func (o Options) controlPlaneNS() string { return o.Name + "-cp" }
func (o Options) clientNS() string       { return o.Name + "-client" }
func (o Options) nodeNS(n int) string    { return o.Name + "-" + NodeName(n) }
func (o Options) hostLink() string       { return o.Name + "0" }

// port is the bridge's end of a machine's cable.
func port(machine string) string { return "p-" + machine }

// NodeName is the name of the n-th node, from 1.
func NodeName(n int) string { return fmt.Sprintf("node%d", n) }

// sysctls of every machine's namespace, set before it has an interface: each gets
// what is the default then.
var sysctls = map[string]string{
	"net/ipv4/ip_forward": "1",
	// A pod's packet may come back another way than it went.
	"net/ipv4/conf/all/rp_filter":     "0",
	"net/ipv4/conf/default/rp_filter": "0",
	// Spread the flows to a load balancer's address by ports, not only addresses.
	"net/ipv4/fib_multipath_hash_policy": "1",
	// Nodes answer for PhoneNet and VIPs only by route.
	"net/ipv4/conf/all/send_redirects":     "0",
	"net/ipv4/conf/default/send_redirects": "0",
	// The same of IPv6.
	"net/ipv6/conf/all/forwarding":       "1",
	"net/ipv6/conf/default/forwarding":   "1",
	"net/ipv6/fib_multipath_hash_policy": "1",
	// No address is anybody else's: none waits a second or two to be used.
	"net/ipv6/conf/all/accept_dad":     "0",
	"net/ipv6/conf/default/accept_dad": "0",
	// What a local route leads to may be bound to, as in IPv4 anyway: PhoneNet6.
	"net/ipv6/ip_nonlocal_bind": "1",
}

// ipv6Present fails on a machine whose kernel was told to have no IPv6. Where it
// is only turned off for the host's interfaces, namespaces have it.
func ipv6Present() error {
	if _, err := os.Stat("/proc/sys/net/ipv6/conf"); err != nil {
		return fmt.Errorf("this machine's kernel has no IPv6, which nodes and pods have addresses of (booted with ipv6.disable=1?): %w", err)
	}
	return nil
}

// subnetFree fails if an interface of the host has an address in the subnet:
// another cluster with the same one, most likely.
func (o Options) subnetFree() error {
	links, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, link := range links {
		addrs, err := link.Addrs()
		if err != nil {
			return fmt.Errorf("addresses of %s: %w", link.Name, err)
		}
		for _, addr := range addrs {
			if inSubnet(addr, o.Subnet) {
				return fmt.Errorf("subnet %s is used by interface %s with %s: choose another", o.Subnet, link.Name, addr)
			}
		}
	}
	return nil
}

func inSubnet(addr net.Addr, subnet string) bool {
	prefix, err := netip.ParsePrefix(addr.String())
	return err == nil && prefix.Overlaps(netip.MustParsePrefix(subnet))
}

// buildNetwork makes the fabric, a namespace for every machine, and the routes.
func (o Options) buildNetwork(ctx context.Context) error {
	if err := o.subnetFree(); err != nil {
		return err
	}
	if err := o.buildFabric(ctx); err != nil {
		return err
	}
	p := newPlan(o.Subnet)
	if err := o.plugHost(ctx, p); err != nil {
		return err
	}
	type machine struct {
		ns, name string
		ip       func(plan) string
	}
	machines := []machine{
		{o.controlPlaneNS(), "cp", plan.controlPlane},
		{o.clientNS(), "client", plan.client},
	}
	for n := 1; n <= o.Nodes; n++ {
		machines = append(machines, machine{o.nodeNS(n), NodeName(n), func(p plan) string { return p.node(n) }})
	}
	for _, m := range machines {
		var addresses, routes []string
		for _, p := range p.both() {
			addresses = append(addresses, p.onLink(m.ip(p)))
			routes = append(routes, o.routes(p, m.ip(p))...)
		}
		if err := o.plugMachine(ctx, m.ns, m.name, addresses); err != nil {
			return err
		}
		if err := ipBatch(ctx, m.ns, routes...); err != nil {
			return err
		}
	}
	// Every address of these networks is the client's own.
	return ipBatch(ctx, o.clientNS(), "route add local "+PhoneNet+" dev lo", "route add local "+PhoneNet6+" dev lo")
}

// buildFabric gives the bridge a namespace of its own: on the host, its frames
// would pass the host's packet filter wherever br_netfilter is loaded.
func (o Options) buildFabric(ctx context.Context) error {
	ns := o.fabricNS()
	if err := run(ctx, "ip", "netns", "add", ns); err != nil {
		return err
	}
	if err := ipBatch(ctx, ns, "link add br0 type bridge forward_delay 0", "link set br0 up"); err != nil {
		return err
	}
	return inNetns(ns, func() error {
		err := os.WriteFile("/proc/sys/net/bridge/bridge-nf-call-iptables", []byte("0"), 0)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // br_netfilter is not there: nothing to turn off
		}
		return err
	})
}

// plugHost gives the host an address of IPv4 alone: its own IPv6 may be off.
func (o Options) plugHost(ctx context.Context, p plan) error {
	link := o.hostLink()
	lines := []string{
		fmt.Sprintf("link add %s type veth peer name %s netns %s", link, port("host"), o.fabricNS()),
		fmt.Sprintf("addr add %s dev %s", p.onLink(p.host()), link),
		fmt.Sprintf("link set %s up", link),
	}
	if err := ipBatch(ctx, "", lines...); err != nil {
		return err
	}
	if err := o.plugPort(ctx, "host"); err != nil {
		return err
	}
	// The host, too, reaches pods directly: tests read their metrics.
	return ipBatch(ctx, "", o.podRoutes(p, "")...)
}

func (o Options) plugMachine(ctx context.Context, ns, name string, addresses []string) error {
	if err := run(ctx, "ip", "netns", "add", ns); err != nil {
		return err
	}
	if err := inNetns(ns, writeSysctls); err != nil {
		return err
	}
	lines := []string{
		"link set lo up",
		fmt.Sprintf("link add eth0 type veth peer name %s netns %s", port(name), o.fabricNS()),
	}
	for _, address := range addresses {
		lines = append(lines, "addr add "+address+" dev eth0")
	}
	if err := ipBatch(ctx, ns, append(lines, "link set eth0 up")...); err != nil {
		return err
	}
	return o.plugPort(ctx, name)
}

func (o Options) plugPort(ctx context.Context, name string) error {
	return ipBatch(ctx, o.fabricNS(),
		fmt.Sprintf("link set %s master br0", port(name)),
		fmt.Sprintf("link set %s up", port(name)))
}

func writeSysctls() error {
	for key, value := range sysctls {
		if err := os.WriteFile("/proc/sys/"+key, []byte(value), 0); err != nil {
			return err
		}
	}
	return nil
}

// routes are those of one family, of the machine with the address self: every
// node's pods, and the phones.
func (o Options) routes(p plan, self string) []string {
	lines := o.podRoutes(p, self)
	if self != p.client() {
		lines = append(lines, fmt.Sprintf("route add %s via %s", p.phones(), p.client()))
	}
	if self != p.client() && self != p.controlPlane() {
		// What runs on a node's own network needs some way to a Service's address before
		// kube-proxy's rules are asked, as a real node has by its default route.
		lines = append(lines, fmt.Sprintf("route add %s via %s", p.services(), p.controlPlane()))
	}
	return lines
}

func (o Options) podRoutes(p plan, self string) []string {
	var lines []string
	for n := 1; n <= o.Nodes; n++ {
		if ip := p.node(n); ip != self {
			lines = append(lines, fmt.Sprintf("route add %s via %s", p.podNet(n), ip))
		}
	}
	return lines
}

// removeNetwork deletes what buildNetwork made, as far as it is there. The
// cables go with the namespace of either end.
func (o Options) removeNetwork(ctx context.Context) error {
	var errs []error
	if err := run(ctx, "ip", "link", "show", o.hostLink()); err == nil {
		errs = append(errs, run(ctx, "ip", "link", "del", o.hostLink()))
	}
	entries, err := os.ReadDir(netnsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if o.ownsNetns(entry.Name()) {
			errs = append(errs, o.removeNetns(ctx, entry.Name()))
		}
	}
	return errors.Join(errs...)
}

// removeNetns refuses to hide a machine that runs but is not recorded, which
// happens when somebody else removed the state directory.
func (o Options) removeNetns(ctx context.Context, ns string) error {
	pids, err := output(ctx, "ip", "netns", "pids", ns)
	if err != nil {
		return err
	}
	if pids != "" && ns != o.clientNS() && ns != o.natNS() {
		return fmt.Errorf("network namespace %s is used by processes that are not recorded, end them first: %s",
			ns, strings.Join(strings.Fields(pids), " "))
	}
	return run(ctx, "ip", "netns", "del", ns)
}

// ownsNetns does not ask how many nodes there are: a crashed cluster may have
// had more.
func (o Options) ownsNetns(ns string) bool {
	rest, ok := strings.CutPrefix(ns, o.Name+"-")
	if !ok {
		return false
	}
	switch rest {
	case "fabric", "cp", "client", "nat":
		return true
	}
	var n int
	_, err := fmt.Sscanf(rest, "node%d", &n)
	return err == nil && rest == NodeName(n)
}
