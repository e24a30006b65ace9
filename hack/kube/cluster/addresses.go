//go:build linux

package cluster

import (
	"fmt"
	"net/netip"
)

// PhoneNet is routed to the client machine by every node: sockets there may
// use any of its addresses as their source, one phone an address if wanted.
const PhoneNet = "198.51.100.0/24"

// Addresses of the machines in the first /24 of the subnet.
const (
	hostNumber         = 1
	controlPlaneNumber = 2
	clientNumber       = 3
	firstNodeNumber    = 11
	firstPodNet        = 64
	serviceNet         = 128
	apiPort            = 6443
)

// plan derives every address from the /16.
type plan struct{ base [4]byte }

func newPlan(subnet string) plan {
	return plan{base: netip.MustParsePrefix(subnet).Masked().Addr().As4()}
}

func (p plan) address(third, fourth int) string {
	return fmt.Sprintf("%d.%d.%d.%d", p.base[0], p.base[1], third, fourth)
}

func (p plan) host() string         { return p.address(0, hostNumber) }
func (p plan) controlPlane() string { return p.address(0, controlPlaneNumber) }
func (p plan) client() string       { return p.address(0, clientNumber) }

// node numbers from 1, as their names do.
func (p plan) node(n int) string       { return p.address(0, firstNodeNumber+n-1) }
func (p plan) podNet(n int) string     { return p.address(firstPodNet+n, 0) + "/24" }
func (p plan) allPods() string         { return p.address(firstPodNet, 0) + "/18" }
func (p plan) services() string        { return p.address(serviceNet, 0) + "/20" }
func (p plan) apiServiceIP() string    { return p.address(serviceNet, 1) }
func (p plan) apiURL() string          { return fmt.Sprintf("https://%s:%d", p.controlPlane(), apiPort) }
func (p plan) onLink(ip string) string { return ip + "/24" }

// apiReady answers 200 once the default roles are there: a program started
// before is refused, and tries again only seconds later.
func (p plan) apiReady() string { return p.apiURL() + "/readyz" }
