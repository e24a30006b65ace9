//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Where the proxies are.

func (p *proxies) nodeOf(ctx context.Context, pod string) (string, error) {
	pods, err := p.pods(ctx)
	if err != nil {
		return "", err
	}
	for i := range pods {
		if pods[i].Name == pod {
			return pods[i].Spec.NodeName, nil
		}
	}
	return "", fmt.Errorf("no pod %s", pod)
}

// podByLeader names a proxy on the leading operator's node, or one elsewhere.
func (p *proxies) podByLeader(ctx context.Context, with bool) (string, error) {
	lease, err := p.kube.cluster.Client().CoordinationV1().Leases(operatorNamespace).Get(ctx, "sipring-operator", metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if lease.Spec.HolderIdentity == nil {
		return "", errors.New("no operator leads")
	}
	leader, _, _ := strings.Cut(*lease.Spec.HolderIdentity, "_")
	operator, err := p.kube.cluster.Client().CoreV1().Pods(operatorNamespace).Get(ctx, leader, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	pods, err := p.pods(ctx)
	if err != nil {
		return "", err
	}
	for i := range pods {
		if (pods[i].Spec.NodeName == operator.Spec.NodeName) == with {
			return pods[i].Name, nil
		}
	}
	return "", fmt.Errorf("no proxy whose being on %s, where the operator leads, is %v", operator.Spec.NodeName, with)
}

// addresses are the proxies' by name: the shared one alone where nobody outside
// reaches a pod.
func (p *proxies) addresses(ctx context.Context, shared netip.AddrPort) (map[string][]netip.AddrPort, error) {
	if !p.kube.cluster.Local() {
		return map[string][]netip.AddrPort{"all": {shared}}, nil
	}
	pods, err := p.pods(ctx)
	if err != nil {
		return nil, err
	}
	own := map[string][]netip.AddrPort{}
	for _, pod := range pods {
		for _, ip := range pod.Status.PodIPs {
			address, err := netip.ParseAddr(ip.IP)
			if err != nil {
				return nil, fmt.Errorf("pod %s: %w", pod.Name, err)
			}
			own[pod.Name] = append(own[pod.Name], netip.AddrPortFrom(address, shared.Port()))
		}
	}
	return own, nil
}
