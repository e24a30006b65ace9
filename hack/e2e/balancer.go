//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"sync"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// balancer is a load balancer, for clients that know one address alone: what they send there
// goes to a pod by chance, of those that the EndpointSlices call ready, and what a pod
// answers comes from that address. The pods see the client's own address and port. It is the
// client machine's kernel that does it. Its methods may be called concurrently.
type balancer struct {
	rules func(pods []netip.Addr) string
	nft   func(rules string) error

	mu    sync.Mutex
	pods  map[string]map[string]netip.Addr // that are ready, by slice and name
	aside string                           // a pod that gets nothing, ready or not
	kept  netip.Addr                       // one that gets its share, ready or not; not valid for none
	err   error                            // the first one
	stop  func()
}

// balance stands in front of the Service until end is called, and keeps no flows: each
// datagram of the clients goes to another pod. A request of a pod's comes from that pod.
func balance(ctx context.Context, p *party, k *kube, service string, clients ...netip.AddrPort) *balancer {
	return balanceBy(ctx, p, k, service, func(pods []netip.Addr) string { return balancing(p.proxy, clients, pods) })
}

// balanceConnections stands in front of the Service until end is called, and keeps each
// connection where it began, as most load balancers do, whatever pods come and go.
func balanceConnections(ctx context.Context, p *party, k *kube, service string) *balancer {
	return balanceBy(ctx, p, k, service, func(pods []netip.Addr) string { return keeping(p.proxy.Addr(), pods) })
}

func balanceBy(ctx context.Context, p *party, k *kube, service string, rules func([]netip.Addr) string) *balancer {
	b := &balancer{rules: rules, pods: map[string]map[string]netip.Addr{}}
	b.nft = func(rules string) error { return load(p.command(context.WithoutCancel(ctx), "nft", "-f", "-"), rules) }
	b.stop = followSlices(ctx, k, service, b.note)
	return b
}

func load(nft *exec.Cmd, rules string) error {
	nft.Stdin, nft.Stderr = strings.NewReader(rules), nil // CombinedOutput's
	if out, err := nft.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}

// note takes the whole of a slice.
func (b *balancer) note(s *discoveryv1.EndpointSlice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	ready := map[string]netip.Addr{}
	for _, e := range s.Endpoints {
		if e.TargetRef == nil || e.Conditions.Ready != nil && !*e.Conditions.Ready {
			continue
		}
		address, err := netip.ParseAddr(e.Addresses[0])
		if err != nil {
			b.fail(err)
			continue
		}
		ready[e.TargetRef.Name] = address
	}
	if before, ok := b.pods[s.Name]; ok && maps.Equal(before, ready) {
		return
	}
	b.pods[s.Name] = ready
	b.apply()
}

// without has nothing go to a pod, be it ready; to all that are if it is none's name.
func (b *balancer) without(pod string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.aside = pod
	b.apply()
}

// keep has a pod that is ready now get its share when it is not any more, as a load balancer
// does that has not noticed; none any more if it is none's name.
func (b *balancer) keep(pod string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = netip.Addr{}
	for _, ready := range b.pods {
		if address, ok := ready[pod]; ok {
			b.kept = address
		}
	}
	b.apply()
}

// apply is called with mu held.
func (b *balancer) apply() {
	var to []netip.Addr
	if b.kept.IsValid() {
		to = append(to, b.kept)
	}
	for _, ready := range b.pods {
		for pod, address := range ready {
			if pod != b.aside && address != b.kept {
				to = append(to, address)
			}
		}
	}
	slices.SortFunc(to, netip.Addr.Compare)
	b.fail(b.nft(b.rules(to)))
}

// has returns nil once so many pods are ready.
func (b *balancer) has(n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	ready := 0
	for _, pods := range b.pods {
		ready += len(pods)
	}
	if ready != n {
		return fmt.Errorf("the load balancer has %d pods, want %d", ready, n)
	}
	return nil
}

func (b *balancer) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// end is the first error that it had, too.
func (b *balancer) end() error {
	b.stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Join(b.err, b.nft(noBalancing))
}

const noBalancing = "add table ip balancer\ndelete table ip balancer\n"

// balancing are the rules for nft(8) that replace those from before. The hooks are those ahead
// of connection tracking, which would keep a flow where its first datagram went. Responses
// are told by how they begin.
func balancing(at netip.AddrPort, clients []netip.AddrPort, to []netip.Addr) string {
	var ends, pods []string
	for _, c := range clients {
		ends = append(ends, fmt.Sprintf("%s . %d", c.Addr(), c.Port()))
	}
	for _, a := range to {
		pods = append(pods, a.String())
	}
	if len(ends) == 0 {
		return noBalancing
	}
	out, in := "drop", ""
	if len(to) > 0 {
		out = "notrack ip daddr set " + byChance(to)
		in = fmt.Sprintf("ip saddr { %s } udp sport %d ip daddr . udp dport @clients @th,64,32 0x5349502f notrack ip saddr set %s",
			strings.Join(pods, ", "), at.Port(), at.Addr())
	}
	return noBalancing + fmt.Sprintf(`table ip balancer {
  set clients {
    typeof ip saddr . udp sport
    elements = { %s }
  }
  chain out {
    type route hook output priority raw;
    ip daddr %s udp dport %d ip saddr . udp sport @clients %s
  }
  chain in {
    type filter hook prerouting priority raw;
    %s
  }
}
`, strings.Join(ends, ", "), at.Addr(), at.Port(), out, in)
}

// keeping are the rules for nft(8) that have the connections to an address, at whatever port, go
// to pods. Without any, none is opened. The chain of NAT is always there, or connections that
// are open lose theirs.
func keeping(at netip.Addr, to []netip.Addr) string {
	rule := fmt.Sprintf("ip daddr %s ip protocol tcp ", at)
	fresh, none := "", rule+"ct state new reject"
	if len(to) > 0 {
		fresh, none = rule+"dnat to "+byChance(to), ""
	}
	return noBalancing + fmt.Sprintf(`table ip balancer {
  chain nat {
    type nat hook output priority -100;
    %s
  }
  chain out {
    type filter hook output priority filter;
    %s
  }
}
`, fresh, none)
}

// byChance is an expression of nft(8) for one of the addresses.
func byChance(of []netip.Addr) string {
	turns := make([]string, len(of))
	for i, a := range of {
		turns[i] = fmt.Sprintf("%d : %s", i, a)
	}
	return fmt.Sprintf("numgen random mod %d map { %s }", len(of), strings.Join(turns, ", "))
}
