package node

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"

	"github.com/sipring/sipring/proxy/address"
)

// install puts the tables there, in place of those of the name, in one transaction each.
// Without what guards against ARP the error of that is told apart: kernels lack it where
// nothing answers for the address on layer 2 at all.
func (t *tables) install(own []ownAddress) (err, ofARP error) {
	c := &nftables.Conn{}
	t.anew(c, t.filter)
	udp := &nftables.Set{Table: t.filter, Name: "udp", KeyType: nftables.TypeInetService}
	tcp := &nftables.Set{Table: t.filter, Name: "tcp", KeyType: nftables.TypeInetService}
	err = errors.Join(
		c.AddSet(t.four, t.elements(true)), c.AddSet(t.six, t.elements(false)),
		c.AddSet(udp, portKeys(t.plan.UDP)), c.AddSet(tcp, portKeys(t.plan.TCP)))
	guard := c.AddChain(&nftables.Chain{Table: t.filter, Name: chainGuard})
	for _, rule := range t.guard(udp, tcp) {
		c.AddRule(&nftables.Rule{Table: t.filter, Chain: guard, Exprs: rule})
	}
	first := c.AddChain(&nftables.Chain{
		Table: t.filter, Name: "prerouting", Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw,
	})
	c.AddRule(&nftables.Rule{Table: t.filter, Chain: first, Exprs: caught(nfIPv4, v4Destination, 4, t.four)})
	c.AddRule(&nftables.Rule{Table: t.filter, Chain: first, Exprs: caught(nfIPv6, v6Destination, 16, t.six)})
	if err = errors.Join(err, c.Flush()); err != nil {
		return fmt.Errorf("guard the address by nftables: %w", err), nil
	}
	return nil, t.installARP(own)
}

func (t *tables) installARP(own []ownAddress) error {
	if len(t.elements(true)) == 0 {
		return nil
	}
	c := &nftables.Conn{}
	t.anew(c, t.arp)
	err := c.AddSet(t.inARP, t.elements(true))
	chain := func(name string, hook nftables.ChainHook, rules ...[]exprs) {
		base := c.AddChain(&nftables.Chain{
			Table: t.arp, Name: name, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookRef(hook), Priority: nftables.ChainPriorityFilter,
		})
		for _, rule := range slices.Concat(rules...) {
			c.AddRule(&nftables.Rule{Table: t.arp, Chain: base, Exprs: rule})
		}
	}
	chain("input", arpHookIn, []exprs{t.arpIn()})
	chain("output", arpHookOut, t.arpOut(own))
	if err = errors.Join(err, c.Flush()); err != nil {
		return fmt.Errorf("guard the address against ARP by nftables: %w", err)
	}
	return nil
}

// anew has a table be there, and empty.
func (t *tables) anew(c *nftables.Conn, table *nftables.Table) {
	c.AddTable(table)
	c.DelTable(table)
	c.AddTable(table)
}

// renew has the addresses stay in the sets. It fails where a set is not there.
func (t *tables) renew(withARP bool) error {
	c := &nftables.Conn{}
	again := func(set *nftables.Set, elements []nftables.SetElement) error {
		if len(elements) == 0 {
			return nil
		}
		c.FlushSet(set)
		return c.SetAddElements(set, elements)
	}
	err := errors.Join(again(t.four, t.elements(true)), again(t.six, t.elements(false)))
	if withARP {
		err = errors.Join(err, again(t.inARP, t.elements(true)))
	}
	return errors.Join(err, c.Flush())
}

// remove takes the tables away.
func (t *tables) remove() error {
	var errs []error
	for _, table := range []*nftables.Table{t.filter, t.arp} {
		c := &nftables.Conn{}
		c.AddTable(table) // it may be gone
		c.DelTable(table)
		errs = append(errs, c.Flush())
	}
	return errors.Join(errs...)
}

// former are the addresses that the cluster's own table guards, of a process before this
// one, and that are not the plan's.
func (t *tables) former() (all []netip.Addr) {
	for _, set := range []*nftables.Set{t.four, t.six} {
		elements, err := (&nftables.Conn{}).GetSetElements(set)
		if err != nil {
			continue // there is no table
		}
		for _, e := range elements {
			if a, ok := netip.AddrFromSlice(e.Key); ok && !slices.Contains(t.plan.Addresses, a) {
				all = append(all, a)
			}
		}
	}
	return all
}

// rival is an error where another cluster's table guards an address of the plan: it
// holds it, or did a moment ago.
func (t *tables) rival() error {
	c := &nftables.Conn{}
	all, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return fmt.Errorf("list the tables of nftables: %w", err)
	}
	for _, table := range all {
		if table.Name == t.filter.Name || !strings.HasPrefix(table.Name, address.TablePrefix) {
			continue
		}
		for _, name := range []string{setFour, setSix} {
			set := &nftables.Set{Table: table, Name: name}
			elements, err := c.GetSetElements(set)
			if err != nil {
				continue // it went meanwhile
			}
			for _, a := range t.plan.Addresses {
				if slices.ContainsFunc(elements, func(e nftables.SetElement) bool { return slices.Equal(e.Key, a.AsSlice()) }) {
					return fmt.Errorf("another cluster holds %s on this node (table %s of nftables): give each its own", a, table.Name)
				}
			}
		}
	}
	return nil
}
