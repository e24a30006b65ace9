package address

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/flow"
)

const (
	// Lifetime is for how long the kernel keeps an address that is not renewed. In it a
	// process that was killed is started again.
	Lifetime = 10 * time.Second
	// Period is how often it is renewed.
	Period = 2 * time.Second
	// GuardLifetime is for how long what guards it stays: longer than the address.
	GuardLifetime = Lifetime + 5*time.Second
)

// TablePrefix begins the names of the tables of nftables that guard addresses.
const TablePrefix = "sipring-"

// Plan is what a node is to hold.
type Plan struct {
	// Table is the name of the cluster's tables in nftables.
	Table string
	// Addresses are one, or one of each family.
	Addresses []netip.Addr
	// UDP and TCP are the ports that may be reached there, sorted.
	UDP, TCP []uint16
}

// PlanOf is that of a cluster in a namespace of Kubernetes, whose name has no dot, so that
// two clusters have no table in common. It is an error where the cluster shares no address.
func PlanOf(c *config.Config, namespace string) (Plan, error) {
	p := Plan{Table: TablePrefix + namespace + "." + c.Cluster, Addresses: c.Shared()}
	if len(p.Addresses) == 0 {
		return p, errors.New("configuration: sharedAddresses is empty")
	}
	for _, l := range c.ListenersIn(nil) {
		ports := &p.TCP
		if l.Transport() == flow.UDP {
			ports = &p.UDP
		}
		*ports = append(*ports, uint16(l.Port))
	}
	slices.Sort(p.UDP)
	slices.Sort(p.TCP)
	return p, nil
}

// Found is an address that the node has.
type Found struct {
	Address   netip.Addr
	Interface string
	// Loopback: the interface is that.
	Loopback bool
	// Permanent: the kernel keeps it until somebody removes it.
	Permanent bool
}

// Judge says which of the plan's addresses somebody else has configured on the node. Those
// on the loopback interface that lapse are ours, from a process before this one.
func (p *Plan) Judge(found []Found) error {
	for _, f := range found {
		if !slices.Contains(p.Addresses, f.Address) || f.Loopback && !f.Permanent {
			continue
		}
		return fmt.Errorf("somebody else has configured %s on this node, at the interface %s: it stays as it is; remove it there, for the node is to have it from this process alone", f.Address, f.Interface)
	}
	return nil
}

// Held reports whether the node has all of the addresses, from us.
func (p *Plan) Held(found []Found) bool {
	return !slices.ContainsFunc(p.Addresses, func(a netip.Addr) bool { return !OursAmong(found, a) })
}

// OursAmong says that the node has the address in the way in which this package has it
// there.
func OursAmong(found []Found, a netip.Addr) bool {
	return slices.ContainsFunc(found, func(f Found) bool { return f.Address == a && f.Loopback && !f.Permanent })
}
