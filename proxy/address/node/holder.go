package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/proxy/address"
)

type exprs = []expr.Any

const (
	nfIPv4, nfIPv6 = unix.NFPROTO_IPV4, unix.NFPROTO_IPV6

	arpHookIn, arpHookOut nftables.ChainHook = 0, 1
)

// loopback is the interface that holds the addresses.
const loopback = "lo"

// holder holds what a plan says.
type holder struct {
	plan   address.Plan
	tables *tables
	lo     netlink.Link
	log    *slog.Logger

	own     []ownAddress // that the tables were installed with
	withARP bool
}

// Hold has the node hold the addresses of the plan until ctx ends, and then no more. It
// returns an error where it cannot, or not any more.
func Hold(ctx context.Context, plan address.Plan, log *slog.Logger) error {
	lo, err := netlink.LinkByName(loopback)
	if err != nil {
		return fmt.Errorf("interface %s: %w", loopback, err)
	}
	h := &holder{plan: plan, tables: newTables(plan), lo: lo, log: log}
	if err := h.take(); err != nil {
		return err
	}
	log.Info("the node holds the address", "addresses", plan.Addresses, "udp", plan.UDP, "tcp", plan.TCP)
	if err := h.keep(ctx); err != nil {
		return err
	}
	return h.release()
}

// take guards the addresses, and then has them be there.
func (h *holder) take() error {
	seen, own, err := look()
	if err := errors.Join(err, h.plan.Judge(seen), h.tables.rival()); err != nil {
		return err
	}
	for _, a := range h.tables.former() { // before what guards them goes
		if address.OursAmong(seen, a) {
			_ = netlink.AddrDel(h.lo, h.asAddr(a))
		}
	}
	if err := h.install(own); err != nil {
		return err
	}
	return h.renewAddresses()
}

func (h *holder) install(own []ownAddress) error {
	err, ofARP := h.tables.install(h.outside(own))
	if err != nil {
		return err
	}
	if h.withARP = ofARP == nil; !h.withARP {
		h.log.Warn("this node answers ARP requests for the address: where nodes announce it on layer 2, set net.ipv4.conf.all.arp_ignore=1 and net.ipv4.conf.all.arp_announce=2 there", "error", ofARP)
	}
	h.own = own
	return nil
}

// outside are the own addresses that are not the shared one.
func (h *holder) outside(own []ownAddress) []ownAddress {
	return slices.DeleteFunc(slices.Clone(own), func(o ownAddress) bool { return slices.Contains(h.plan.Addresses, o.address) })
}

// mostFailures is for how long in a row renewing may fail, in Periods, before the process
// ends to be started anew: the address would lapse soon.
const mostFailures = 3

// keep renews until ctx ends. What somebody removes is there again at once.
func (h *holder) keep(ctx context.Context) error {
	changes, done := make(chan netlink.AddrUpdate, 64), make(chan struct{})
	defer close(done)
	if err := netlink.AddrSubscribe(changes, done); err != nil {
		return fmt.Errorf("follow the node's addresses: %w", err)
	}
	ticker := time.NewTicker(address.Period)
	defer ticker.Stop()
	failures := 0
	for {
		select {
		case <-ctx.Done():
			go func() {
				for range changes { // until it is closed
				}
			}()
			return nil
		case u, ok := <-changes:
			if !ok {
				changes = nil // the ticker remains
				continue
			}
			if u.NewAddr || !h.isOurs(u.LinkAddress.IP) {
				continue
			}
			h.log.Warn("the address was removed: it is there again", "address", u.LinkAddress.IP)
		case <-ticker.C:
		}
		err := h.renew()
		if failures++; err == nil {
			failures = 0
		} else if failures >= mostFailures || errors.As(err, new(*foreignError)) {
			return err
		} else {
			h.log.Warn("the address was not renewed", "error", err)
		}
	}
}

// foreignError says that somebody else has configured the address.
type foreignError struct{ error }

func (h *holder) isOurs(ip net.IP) bool {
	a, ok := netip.AddrFromSlice(ip)
	return ok && slices.Contains(h.plan.Addresses, a.Unmap())
}

// renew has all be there for a time again.
func (h *holder) renew() error {
	seen, own, err := look()
	if err != nil {
		return err
	}
	if err := h.plan.Judge(seen); err != nil {
		return &foreignError{err}
	}
	if !slices.Equal(own, h.own) || h.tables.renew(h.withARP) != nil {
		if err := h.install(own); err != nil {
			return err
		}
	}
	return h.renewAddresses()
}

// renewAddresses gives the addresses to the kernel for a time. They are deprecated from
// the start: nobody sends from them who does not ask for it.
func (h *holder) renewAddresses() error {
	for _, a := range h.plan.Addresses {
		if err := netlink.AddrReplace(h.lo, h.asAddr(a)); err != nil {
			return fmt.Errorf("add %s to %s: %w", a, loopback, err)
		}
	}
	return nil
}

func (h *holder) asAddr(a netip.Addr) *netlink.Addr {
	n := &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
	return &netlink.Addr{IPNet: n, ValidLft: int(address.Lifetime / time.Second), Flags: unix.IFA_F_NODAD}
}

// release removes the addresses, and then what guards them.
func (h *holder) release() error {
	var errs []error
	for _, a := range h.plan.Addresses {
		if err := netlink.AddrDel(h.lo, h.asAddr(a)); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			errs = append(errs, fmt.Errorf("remove %s: %w", a, err))
		}
	}
	if len(errs) == 0 {
		errs = append(errs, h.tables.remove())
	}
	return errors.Join(errs...)
}

// Check is nil where the node holds the addresses of the plan and guards them.
func Check(plan address.Plan) error {
	seen, _, err := look()
	if err := errors.Join(err, plan.Judge(seen)); err != nil {
		return err
	}
	if !plan.Held(seen) {
		return errors.New("the node does not hold the address")
	}
	if _, err := (&nftables.Conn{}).ListTableOfFamily(plan.Table, nftables.TableFamilyINet); err != nil {
		return fmt.Errorf("table %s of nftables: %w", plan.Table, err)
	}
	return nil
}

// look reads the node's addresses, and of IPv4 the first of each interface that asks and
// answers by ARP.
func look() (seen []address.Found, own []ownAddress, err error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, nil, fmt.Errorf("list interfaces: %w", err)
	}
	byIndex := map[int]*netlink.LinkAttrs{}
	for _, l := range links {
		byIndex[l.Attrs().Index] = l.Attrs()
	}
	all, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, nil, fmt.Errorf("list addresses: %w", err)
	}
	for i := range all {
		a, ok := netip.AddrFromSlice(all[i].IP)
		link := byIndex[all[i].LinkIndex]
		if !ok || link == nil {
			continue
		}
		a = a.Unmap()
		isLoopback := link.Name == loopback
		seen = append(seen, address.Found{
			Address: a, Interface: link.Name, Loopback: isLoopback, Permanent: all[i].Flags&unix.IFA_F_PERMANENT != 0,
		})
		asks := a.Is4() && !isLoopback && link.RawFlags&unix.IFF_NOARP == 0 && len(own) < mostInterfaces
		if asks && !slices.ContainsFunc(own, func(o ownAddress) bool { return o.index == link.Index }) {
			own = append(own, ownAddress{link.Index, a})
		}
	}
	return seen, own, nil
}

// mostInterfaces bounds the rules of ARP: of the others one address of the node is named.
const mostInterfaces = 64
