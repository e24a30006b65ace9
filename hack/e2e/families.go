//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/hack/kube/cluster"
)

// stack is a SIPCluster of its own, and everybody who calls it: one whose Service has
// IPv6, alone or beside IPv4, or one with listeners of every transport.
type stack struct {
	name, title string
	over        string // what its phones are on
	sipCluster  string // as its manifest has it
	manifest    string
	families    []corev1.IPFamily
	probe       time.Duration // how often the router asks nodes whether they are there; 0: as announce does
	certificate string        // the Secret that the manifest names, of phones on every transport
	party       party
}

// Addresses of cluster.PhoneNet6, and of the SIPClusters.
var (
	phonesAddress6  = netip.MustParseAddr("2001:db8:198::1")
	callersAddress6 = netip.MustParseAddr("2001:db8:198::fa")
	softAddress6    = netip.MustParseAddr("2001:db8:198::f0")
	softAddress4    = netip.MustParseAddr("198.51.100.241")   // beside the other one
	stackSoft6      = netip.MustParseAddr("2001:db8:198::f1") // beside the other one

	vip6     = netip.MustParseAddrPort("[2001:db8:203::10]:5060")
	sixVIP   = netip.MustParseAddrPort("[2001:db8:203::20]:5060")
	dualVIP  = netip.MustParseAddrPort("203.0.113.21:5060")
	dualVIP6 = netip.MustParseAddrPort("[2001:db8:203::21]:5060")
)

// stacks in the order in which they are played, after the faults.
func stacks() []stack {
	four, six := within(phonesAddress, softAddress), within(phonesAddress6, softAddress6)
	return []stack{
		{
			name: "ipv6", title: "SIGKILL, IPv6 alone", sipCluster: "six", manifest: "hack/e2e/manifests/ipv6.yaml",
			families: []corev1.IPFamily{corev1.IPv6Protocol},
			party:    party{proxy: sixVIP, callers: callersAddress6, softAt: stackSoft6, phoneAt: six, byRoute: true},
		},
		{
			// Neighbours, who call each other, are of different families. SIPp is
			// of IPv4 and baresip of IPv6: half of those whom SIPp calls, and he
			// who calls baresip, are of the other.
			name: "dual", title: "SIGKILL, IPv4 and IPv6", sipCluster: "dual", manifest: "hack/e2e/manifests/dual.yaml",
			families: []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol},
			party: party{
				proxy: dualVIP, second: dualVIP6, callers: callersAddress, softAt: stackSoft6, byRoute: true,
				phoneAt: func(i int) netip.Addr {
					if i%2 == 0 {
						return four(i / 2)
					}
					return six(i / 2)
				},
			},
		},
		{
			name: "transports", title: "SIGKILL, UDP, TCP, TLS and WSS", over: "UDP, TCP, TLS and WSS", sipCluster: "mixed", manifest: "hack/e2e/manifests/transports.yaml",
			families: []corev1.IPFamily{corev1.IPv4Protocol}, certificate: "mixed-tls",
			party: party{proxy: mixVIP, callers: callersAddress, softAt: softAddress4, phoneAt: four},
		},
	}
}

// playStack makes the SIPCluster, plays the loss of a proxy with it, and what moves phones to
// other proxies if some have connections, and removes it.
func (e *env) playStack(ctx context.Context, s stack) (all []*result, err error) {
	r := &result{Case: s.name, Title: s.title, Patience: patience}
	switch {
	case !e.kube.cluster.Local():
		r.Skipped = cluster.ErrNotLocal.Error()
		return []*result{r}, nil
	case e.stage.o.ipv6 && slices.Contains(s.families, corev1.IPv4Protocol):
		r.Skipped = "the cluster has IPv6 alone"
		return []*result{r}, nil
	}
	p := &s.party
	p.in, p.command, p.step = e.kube.inClient, e.kube.clientCommand, e.stage.step
	p.passwords = e.party.passwords
	f := faults()[0]
	f.name, f.title, f.victim = s.name, s.title, s.sipCluster+"-0"
	plays := []fault{f}
	if s.certificate != "" {
		if p.authority, err = fleet.NewAuthority(); err != nil {
			return nil, err
		}
		plays = append(plays, s.moves()...)
	}
	own := &env{stage: e.stage, kube: e.kube, proxies: &proxies{kube: e.kube, name: s.sipCluster}, party: p}
	leave, err := own.arrive(ctx, &s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, leave(context.WithoutCancel(ctx))) }()
	defer p.leave()
	p.notice = own.notice
	p.ready = own.slices.pick
	if err := p.gather(ctx, e.stage.o.phones); err != nil {
		return nil, err
	}
	if back := p.load.CallAllBack(ctx); !back.Whole() {
		return nil, fmt.Errorf("before any fault: %v phones called hung up: %v", back, back.Errors)
	}
	for _, f := range plays {
		r, err := own.playBack(ctx, f)
		if all = append(all, r); err != nil {
			return all, err
		}
	}
	return all, nil
}

// playBack is play, after which calls are hung up by who was called, too.
func (e *env) playBack(ctx context.Context, f fault) (*result, error) {
	r, err := e.play(ctx, f)
	if err != nil {
		return r, err
	}
	back := e.party.load.CallAllBack(ctx)
	e.stage.step("%v calls were hung up by who was called", back)
	if !back.Whole() {
		r.Problems = append(r.Problems, fmt.Sprintf("%v phones called hung up: %v", back, back.Errors))
	}
	return r, nil
}

// arrive makes the SIPCluster and waits for its proxies. leave removes it.
func (e *env) arrive(ctx context.Context, s *stack) (leave func(context.Context) error, err error) {
	kubectl := func(ctx context.Context, args ...string) error {
		_, err := e.kube.kubectl(ctx, append([]string{"--namespace", namespace}, args...)...)
		return err
	}
	stop := func() {}
	leave = func(ctx context.Context) error {
		stop()
		err := kubectl(ctx, "delete", "--ignore-not-found", "-f", s.manifest)
		if s.certificate != "" {
			err = errors.Join(err, e.kube.removeSecret(ctx, s.certificate))
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, leave(context.WithoutCancel(ctx)))
		}
	}()
	if s.certificate != "" {
		if err := e.kube.putCertificate(ctx, s.certificate, s.party.authority); err != nil {
			return nil, err
		}
	}
	if err := kubectl(ctx, "apply", "-f", s.manifest); err != nil {
		return nil, err
	}
	if err := eventually(ctx, installLimit, func(ctx context.Context) error { return e.hasFamilies(ctx, s) }); err != nil {
		return nil, err
	}
	if stop, err = announceAt(ctx, e.kube, s.probe, s.sipCluster, s.party.reached()...); err != nil {
		stop = func() {}
		return nil, err
	}
	e.slices = watchSlices(ctx, e.kube, s.sipCluster)
	if err := eventually(ctx, installLimit, func(ctx context.Context) error {
		return errors.Join(e.proxies.whole(ctx, 3, nil), e.served(ctx, s))
	}); err != nil {
		return nil, err
	}
	e.stage.step("SIPCluster %s: 3 proxies in the ring, reached at %v", s.sipCluster, s.party.reached())
	return leave, nil
}

// hasFamilies returns nil once the Service is there; it has its families from then
// on.
func (e *env) hasFamilies(ctx context.Context, s *stack) error {
	service, err := e.kube.cluster.Client().CoreV1().Services(namespace).Get(ctx, s.sipCluster, metav1.GetOptions{})
	if err == nil && !slices.Equal(service.Spec.IPFamilies, s.families) {
		err = fmt.Errorf("families of Service %s: %v, want %v", s.sipCluster, service.Spec.IPFamilies, s.families)
	}
	return err
}

// served returns nil once there are three endpoints of each family and of no other,
// and the SIPCluster is well.
func (e *env) served(ctx context.Context, s *stack) error {
	list, err := e.kube.cluster.Client().DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + s.sipCluster})
	if err != nil {
		return err
	}
	endpoints := map[corev1.IPFamily]int{}
	for _, slice := range list.Items {
		endpoints[corev1.IPFamily(slice.AddressType)] += len(slice.Endpoints)
	}
	for _, family := range s.families {
		if endpoints[family] != 3 || len(endpoints) != len(s.families) {
			return fmt.Errorf("endpoints of Service %s: %v, want 3 of each of %v", s.sipCluster, endpoints, s.families)
		}
	}
	c, err := e.kube.sipCluster(ctx, namespace, s.sipCluster)
	if err != nil {
		return err
	}
	if !apimeta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionAvailable) || !apimeta.IsStatusConditionFalse(c.Status.Conditions, v1alpha1.ConditionDegraded) {
		return fmt.Errorf("SIPCluster %s: %+v", s.sipCluster, c.Status.Conditions)
	}
	return nil
}
