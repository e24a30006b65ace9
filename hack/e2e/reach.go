//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/hack/kube/cluster"
)

// Addresses of the local cluster: the SIPCluster's own of cluster.VIPNet, the
// others of cluster.PhoneNet.
var (
	vip            = netip.MustParseAddrPort("203.0.113.10:5060")
	phonesAddress  = netip.MustParseAddr("198.51.100.1") // and those after it
	callersAddress = netip.MustParseAddr("198.51.100.250")
	softAddress    = netip.MustParseAddr("198.51.100.240")
)

// invite is a party that nobody has come to yet, outside of the cluster.
func invite(ctx context.Context, k *kube) (*party, error) {
	p := &party{
		callers: callersAddress, softAt: softAddress, phoneAt: within(phonesAddress, softAddress),
		in: k.inClient, command: k.clientCommand, step: k.stage.step,
	}
	if k.stage.o.ipv6 {
		p.callers, p.softAt, p.phoneAt = callersAddress6, softAddress6, within(phonesAddress6, softAddress6)
	}
	if k.cluster.Local() {
		p.proxy = vip
		if k.stage.o.ipv6 {
			p.proxy = vip6
		}
		k.stage.later(func(context.Context) error { p.withdraw(); return nil })
		return p, p.announce(ctx, k)
	}
	var err error
	if p.proxy, err = reach(ctx, k); err != nil {
		return p, err
	}
	local, err := ownAddress(ctx, k.stage.o, p.proxy)
	p.callers, p.softAt, p.phoneAt = local, local, func(int) netip.Addr { return local }
	return p, err
}

// announce has the local cluster's load balancer give the Service of the cluster under
// test the address that the party uses, until withdraw is called.
func (p *party) announce(ctx context.Context, k *kube) error {
	stop, err := announce(ctx, k, sipCluster, p.proxy)
	if err == nil {
		p.announced = stop
	}
	return err
}

func (p *party) withdraw() {
	if p.announced != nil {
		p.announced()
		p.announced = nil
	}
}

// reach finds the address that phones use: the load balancer's.
func reach(ctx context.Context, k *kube) (netip.AddrPort, error) {
	address := k.stage.o.address
	if address == "" {
		err := eventually(ctx, installLimit, func(ctx context.Context) error {
			s, err := k.cluster.Client().CoreV1().Services(namespace).Get(ctx, sipCluster, metav1.GetOptions{})
			if err != nil {
				return err
			}
			if len(s.Status.LoadBalancer.Ingress) == 0 || s.Status.LoadBalancer.Ingress[0].IP == "" {
				return errors.New("the Service has no load balancer's IP address; --address names one")
			}
			address = s.Status.LoadBalancer.Ingress[0].IP + ":5060"
			return nil
		})
		if err != nil {
			return netip.AddrPort{}, err
		}
	}
	proxy, err := netip.ParseAddrPort(address)
	if err != nil {
		return proxy, fmt.Errorf("address of the cluster: %w", err)
	}
	return proxy, nil
}

// announce has the local cluster's load balancer give a Service these addresses,
// until stop is called.
func announce(ctx context.Context, k *kube, service string, addresses ...netip.AddrPort) (stop func(), err error) {
	return announceAt(ctx, k, 0, service, addresses...)
}

// announceAt is announce by a router that asks nodes every so often whether they are there.
func announceAt(ctx context.Context, k *kube, every time.Duration, service string, addresses ...netip.AddrPort) (stop func(), err error) {
	var ips []string
	for _, a := range addresses {
		ips = append(ips, a.Addr().String())
	}
	announcing, end := context.WithCancel(context.WithoutCancel(ctx))
	wait, err := k.cluster.Announce(announcing, cluster.Announcement{Namespace: namespace, Service: service, IPs: ips, ProbeEvery: every})
	if err != nil {
		end()
		return nil, err
	}
	return func() { end(); wait() }, nil
}

// within gives phones addresses of the client machine, from the first one on to
// before the end. Each has its own, as long as they last: where a flow moves to a
// node that knows the phone from another flow, the kernel there gives it another
// source port, which may be that of another phone at the same address.
func within(first, end netip.Addr) func(i int) netip.Addr {
	a := first.AsSlice()
	last := len(a) - 1
	count := int(end.AsSlice()[last] - a[last])
	return func(i int) netip.Addr {
		b := slices.Clone(a)
		b[last] += byte(i % count)
		address, _ := netip.AddrFromSlice(b) // as long as one that was valid
		return address
	}
}

// ownAddress finds which of this machine's addresses leads to the cluster.
func ownAddress(ctx context.Context, o *options, proxy netip.AddrPort) (netip.Addr, error) {
	if o.local != "" {
		return netip.ParseAddr(o.local)
	}
	return usualAddress(ctx, proxy)
}

// usualAddress is the one that the kernel takes for what is sent there.
func usualAddress(ctx context.Context, to netip.AddrPort) (netip.Addr, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp4", to.String())
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	return local.Addr(), err
}
