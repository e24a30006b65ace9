package desired

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingv1ac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/sipring/sipring/api/v1alpha1"
)

// NetworkPolicy is who may reach the pods; nil where none is wanted. Ports go by
// their names and by their numbers: while one or the other changes, old and new pods
// are covered, and not everything that enforces policies knows the names of an init
// container's ports, which the proxy's are beside an application. What the proxies send is not limited: phones are anywhere.
func NetworkPolicy(c *v1alpha1.SIPCluster) (*networkingv1ac.NetworkPolicyApplyConfiguration, error) {
	p := c.Spec.NetworkPolicy
	if p.Enabled != nil && !*p.Enabled {
		return nil, nil
	}
	metrics, err := metricsFrom(p.MetricsFrom)
	if err != nil {
		return nil, err
	}
	open := networkingv1ac.NetworkPolicyIngressRule().WithPorts(policyPorts(portHealth, corev1.ProtocolTCP, c.Spec.Ports.Health)...)
	for _, l := range Listeners(c) {
		open.WithPorts(policyPorts(l.Name, l4(l), l.Port)...)
	}
	for _, port := range templatePorts(c) {
		open.WithPorts(policyPort(port.ContainerPort, port.Protocol))
	}
	return owned(networkingv1ac.NetworkPolicy(NetworkPolicyName(c.Name), c.Namespace), c).
		WithSpec(networkingv1ac.NetworkPolicySpec().
			WithPodSelector(selectorAC(c.Name)).
			WithPolicyTypes(networkingv1.PolicyTypeIngress).
			WithIngress(open,
				networkingv1ac.NetworkPolicyIngressRule().
					WithPorts(policyPorts(portPeer, corev1.ProtocolTCP, c.Spec.Ports.Peer)...).
					WithFrom(networkingv1ac.NetworkPolicyPeer().WithPodSelector(selectorAC(c.Name))),
				networkingv1ac.NetworkPolicyIngressRule().
					WithPorts(policyPorts(portAdmin, corev1.ProtocolTCP, c.Spec.Ports.Admin)...).
					WithFrom(metrics...))), nil
}

func policyPort(port int32, protocol corev1.Protocol) *networkingv1ac.NetworkPolicyPortApplyConfiguration {
	return networkingv1ac.NetworkPolicyPort().WithPort(intstr.FromInt32(port)).WithProtocol(protocol)
}

// policyPorts are a port by its name and by its number.
func policyPorts(name string, protocol corev1.Protocol, port int32) []*networkingv1ac.NetworkPolicyPortApplyConfiguration {
	byName := networkingv1ac.NetworkPolicyPort().WithPort(intstr.FromString(name)).WithProtocol(protocol)
	return []*networkingv1ac.NetworkPolicyPortApplyConfiguration{byName, policyPort(port, protocol)}
}

// metricsFrom are the peers as they are applied; every pod where there are none.
func metricsFrom(peers []networkingv1.NetworkPolicyPeer) ([]*networkingv1ac.NetworkPolicyPeerApplyConfiguration, error) {
	var all []*networkingv1ac.NetworkPolicyPeerApplyConfiguration
	if len(peers) == 0 {
		return append(all, networkingv1ac.NetworkPolicyPeer().WithNamespaceSelector(metav1ac.LabelSelector())), nil
	}
	text, err := json.Marshal(peers)
	if err != nil {
		return nil, err
	}
	return all, json.Unmarshal(text, &all)
}

// templatePorts are those that containers beside the proxy declare in
// spec.template.
func templatePorts(c *v1alpha1.SIPCluster) []corev1.ContainerPort {
	if c.Spec.Template == nil || c.Spec.Template.Spec == nil {
		return nil
	}
	var spec corev1.PodSpec
	if json.Unmarshal(c.Spec.Template.Spec.Raw, &spec) != nil {
		return nil // which applying the pods reports
	}
	var all []corev1.ContainerPort
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for _, container := range containers {
			if container.Name == Container {
				continue
			}
			for _, port := range container.Ports {
				if port.Protocol == "" {
					port.Protocol = corev1.ProtocolTCP
				}
				all = append(all, port)
			}
		}
	}
	return all
}
