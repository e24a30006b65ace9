package controllers_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
)

// TestServicesApart: what TCP carries gets a Service and slices of its own by the
// operator's own rights, and loses them when it is to share the first one again.
func TestServicesApart(t *testing.T) {
	b := newBench(t)
	b.limited()
	b.create(func(c *v1alpha1.SIPCluster) {
		c.Spec.Listeners = []v1alpha1.Listener{{Name: "udp", Protocol: "UDP"}, {Name: "tcp", Protocol: "TCP"}}
		c.Spec.Service.ProtocolPolicy = v1alpha1.ProtocolPolicySeparate
	})
	b.settle()
	b.pod(0, ready)
	b.settle()
	look := func(service string) (ports []corev1.ServicePort, slices int) {
		t.Helper()
		s := &corev1.Service{}
		if err := b.client.Get(b.Context(), client.ObjectKey{Namespace: b.ns, Name: service}, s); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
		all := &discoveryv1.EndpointSliceList{}
		b.ok(b.client.List(b.Context(), all, client.InNamespace(b.ns), client.MatchingLabels{discoveryv1.LabelServiceName: service}))
		return s.Spec.Ports, len(all.Items)
	}
	for service, protocol := range map[string]corev1.Protocol{"ring": corev1.ProtocolUDP, "ring-tcp": corev1.ProtocolTCP} {
		if ports, slices := look(service); len(ports) != 1 || ports[0].Protocol != protocol || slices != 1 {
			t.Errorf("%s has %v, and %d slices", service, ports, slices)
		}
	}
	statuses := b.cluster().Status.Listeners
	if len(statuses) != 2 || statuses[0].Advertise == "" || statuses[1].Advertise == "" || statuses[0].Advertise == statuses[1].Advertise {
		t.Errorf("listeners are reached at %+v", statuses)
	}
	b.respec(func(s *v1alpha1.SIPClusterSpec) { s.Service.ProtocolPolicy = v1alpha1.ProtocolPolicyMixed })
	b.settle()
	if ports, slices := look("ring"); len(ports) != 2 || slices != 1 {
		t.Errorf("together they have %v, and %d slices", ports, slices)
	}
	if ports, slices := look("ring-tcp"); ports != nil || slices != 0 {
		t.Errorf("left of the second: %v, and %d slices", ports, slices)
	}
}
