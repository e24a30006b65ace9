//go:build linux

package cluster

import (
	"fmt"
	"net/netip"
	"strings"
)

// PhoneNet and PhoneNet6 are routed to the client machine by every node: sockets
// there may use any of their addresses as their source, one phone an address if
// wanted.
const (
	PhoneNet  = "198.51.100.0/24"
	PhoneNet6 = "2001:db8:198::/64"
)

// Addresses of the machines in the first network of the subnet: a /24 of IPv4,
// a /64 of IPv6.
const (
	hostNumber         = 1
	controlPlaneNumber = 2
	clientNumber       = 3
	firstNodeNumber    = 11
	firstPodNet        = 64
	serviceNet         = 128
	apiPort            = 6443
)

// plan derives every address of one family from the IPv4 /16: those of IPv6 are
// in a /48 of its own for each such subnet, fd73:6970:XXYY:: for XX.YY.0.0 in
// hexadecimal, with the same numbers for networks and machines.
type plan struct {
	base [4]byte
	six  bool
}

func newPlan(subnet string) plan {
	return plan{base: netip.MustParsePrefix(subnet).Masked().Addr().As4()}
}

// v6 is the plan of IPv6 for the same machines.
func (p plan) v6() plan { p.six = true; return p }

// both are the plans of either family, that of IPv4 first as everywhere.
func (p plan) both() [2]plan { return [2]plan{p, p.v6()} }

// pick is a list of what each family has, the first one first, as programs take it.
func pick(plans []plan, of func(plan) string) string {
	var all []string
	for _, p := range plans {
		all = append(all, of(p))
	}
	return strings.Join(all, ",")
}

// address is the number-th of a network.
func (p plan) address(network, number int) string {
	if !p.six {
		return fmt.Sprintf("%d.%d.%d.%d", p.base[0], p.base[1], network, number)
	}
	a := [16]byte{0: 0xfd, 1: 's', 2: 'i', 3: 'p', 4: p.base[0], 5: p.base[1], 7: byte(network), 15: byte(number)}
	return netip.AddrFrom16(a).String()
}

// sized adds the length of a prefix to its address.
func (p plan) sized(address string, four, six int) string {
	if p.six {
		return fmt.Sprintf("%s/%d", address, six)
	}
	return fmt.Sprintf("%s/%d", address, four)
}

func (p plan) host() string         { return p.address(0, hostNumber) }
func (p plan) controlPlane() string { return p.address(0, controlPlaneNumber) }
func (p plan) client() string       { return p.address(0, clientNumber) }

// node numbers from 1, as their names do.
func (p plan) node(n int) string       { return p.address(0, firstNodeNumber+n-1) }
func (p plan) podNet(n int) string     { return p.sized(p.address(firstPodNet+n, 0), 24, 64) }
func (p plan) allPods() string         { return p.sized(p.address(firstPodNet, 0), 18, 58) }
func (p plan) apiServiceIP() string    { return p.address(serviceNet, 1) }
func (p plan) apiURL() string          { return fmt.Sprintf("https://%s:%d", p.controlPlane(), apiPort) }
func (p plan) onLink(ip string) string { return p.sized(ip, 24, 64) }

// services are so few in IPv6, because the API server has a bit for each address.
func (p plan) services() string { return p.sized(p.address(serviceNet, 0), 20, 112) }

// anywhere is every address.
func (p plan) anywhere() string {
	if p.six {
		return "::/0"
	}
	return "0.0.0.0/0"
}

func (p plan) phones() string {
	if p.six {
		return PhoneNet6
	}
	return PhoneNet
}

// apiReady answers 200 once the default roles are there: a program started
// before is refused, and tries again only seconds later.
func (p plan) apiReady() string { return p.apiURL() + "/readyz" }
