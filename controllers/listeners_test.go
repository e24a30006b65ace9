package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// open are the ports of the Service, of the policy by number, and of each slice by
// its name, with its addresses.
func (b *bench) open() (service, policy []string, endpoints map[string]string) {
	b.Helper()
	s, p, list := &corev1.Service{}, &networkingv1.NetworkPolicy{}, &discoveryv1.EndpointSliceList{}
	b.get("ring", s)
	for _, port := range s.Spec.Ports {
		service = append(service, fmt.Sprintf("%s %d/%s", port.Name, port.Port, port.Protocol))
	}
	b.get(desired.NetworkPolicyName("ring"), p)
	for _, port := range p.Spec.Ingress[0].Ports {
		if *port.Protocol == corev1.ProtocolUDP && port.Port.IntValue() != 0 {
			policy = append(policy, port.Port.String())
		}
	}
	b.ok(b.client.List(b.Context(), list, client.InNamespace(b.ns), client.MatchingLabels{discoveryv1.LabelServiceName: "ring"}))
	endpoints = map[string]string{}
	for _, slice := range list.Items {
		var words []string
		for _, port := range slice.Ports {
			words = append(words, fmt.Sprintf("%s %d", *port.Name, *port.Port))
		}
		for _, e := range slice.Endpoints {
			words = append(words, e.Addresses...)
		}
		endpoints[slice.Name] = strings.Join(words, " ")
	}
	return service, policy, endpoints
}

// TestListeners: a second listener is at the Service, in the policy, in the member set
// and in the slices of the pods that have it; those made before keep their slice.
func TestListeners(t *testing.T) {
	b := newBench(t)
	b.create(func(c *v1alpha1.SIPCluster) { c.Spec.Replicas = new(int32(2)) })
	b.settle()
	b.pod(0, ready)
	b.ok(b.reconcile())
	if set := b.members(); len(set.Listeners) != 0 {
		t.Errorf("the set has %v, of one listener", set.Listeners)
	}
	before := b.members().Epoch
	b.respec(func(s *v1alpha1.SIPClusterSpec) {
		s.Listeners = []v1alpha1.Listener{{Name: "udp", Protocol: "UDP", Port: 5060}, {Name: "trunks", Protocol: "UDP", Port: 5080, Advertise: new("trunks.example.com")}}
	})
	b.podOf(1, func(p *corev1.Pod) {
		ports := &p.Spec.Containers[0].Ports
		*ports = append(*ports, corev1.ContainerPort{Name: "trunks", ContainerPort: 5080, Protocol: corev1.ProtocolUDP})
	})
	b.podStatus(1, ready)
	b.ok(b.reconcile())

	service, policy, endpoints := b.open()
	if d := cmp.Diff([]string{"udp 5060/UDP", "trunks 5080/UDP"}, service); d != "" {
		t.Errorf("Service (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"5060", "5080"}, policy); d != "" {
		t.Errorf("policy (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]string{"ring-ipv4-5060-0": "udp 5060 10.0.0.1", "ring-ipv4-5060-5080-0": "udp 5060 trunks 5080 10.0.0.2"}, endpoints); d != "" {
		t.Errorf("slices (-want +got):\n%s", d)
	}
	set := b.members()
	if want := []config.ListenerAddress{{Name: "trunks", Advertise: "trunks.example.com:5080"}, {Name: "udp", Advertise: set.Advertise}}; !slices.Equal(set.Listeners, want) || set.Epoch <= before {
		t.Errorf("the set of epoch %d, after %d, has %v", set.Epoch, before, set.Listeners)
	}
	statuses := b.cluster().Status.Listeners
	if len(statuses) != 2 || statuses[0].Advertise != set.Advertise || statuses[1].Advertise != "trunks.example.com:5080" {
		t.Errorf("status %+v", statuses)
	}
	container := b.statefulSet().Spec.Template.Spec.Containers[0]
	if !slices.ContainsFunc(container.Ports, func(p corev1.ContainerPort) bool { return p.Name == "trunks" && p.ContainerPort == 5080 }) {
		t.Errorf("pods are made with the ports %v", container.Ports)
	}
	c, err := config.ParseConfig([]byte(b.statefulSet().Spec.Template.Annotations[desired.AnnotationConfig]))
	b.ok(err)
	if len(c.Listeners) != 2 || c.Ports.SIP != 5060 || c.Listeners[1].Port != 5080 {
		t.Errorf("proxies are told %+v", c.Listeners)
	}

	b.respec(func(s *v1alpha1.SIPClusterSpec) { s.Listeners = s.Listeners[:1] })
	if service, policy, _ := b.open(); len(service) != 1 || len(policy) != 1 || len(b.members().Listeners) != 0 {
		t.Errorf("left of the second: %v, %v, %v", service, policy, b.members().Listeners)
	}
}
