package controllers_test

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sipring/sipring/api/v1alpha1"
)

// respec changes the SIPCluster's spec and carries it out.
func (b *bench) respec(change func(*v1alpha1.SIPClusterSpec)) {
	b.Helper()
	c := b.cluster()
	change(&c.Spec)
	b.ok(b.client.Update(b.Context(), c))
	b.settle()
	b.ok(b.reconcile()) // sees what the changed Service was given
}

// TestServiceFollowsTheSpec goes from each type to each other, and to another port.
func TestServiceFollowsTheSpec(t *testing.T) {
	b := newBench(t)
	b.begin()
	class := "example.com/lb"
	types := map[corev1.ServiceType]v1alpha1.ServiceTemplate{
		corev1.ServiceTypeClusterIP:    {Type: corev1.ServiceTypeClusterIP},
		corev1.ServiceTypeNodePort:     {Type: corev1.ServiceTypeNodePort},
		corev1.ServiceTypeLoadBalancer: {Type: corev1.ServiceTypeLoadBalancer, LoadBalancerClass: &class},
	}
	port := int32(5060)
	for _, way := range []corev1.ServiceType{"LoadBalancer", "ClusterIP", "NodePort", "LoadBalancer", "NodePort", "ClusterIP"} {
		port++
		b.respec(func(s *v1alpha1.SIPClusterSpec) {
			s.Service = types[way]
			s.Listeners = []v1alpha1.Listener{{Name: "udp", Protocol: v1alpha1.ProtocolUDP, Port: port, Advertise: new("sip.example.com:30060")}}
		})
		service := &corev1.Service{}
		b.get("ring", service)
		if service.Spec.Type != way || len(service.Spec.Ports) != 1 || service.Spec.Ports[0].Port != port {
			t.Errorf("Service has the type %s and ports %v, want %s and %d", service.Spec.Type, service.Spec.Ports, way, port)
		}
		if (service.Spec.LoadBalancerClass != nil) != (way == corev1.ServiceTypeLoadBalancer) {
			t.Errorf("%s has the class %v", way, service.Spec.LoadBalancerClass)
		}
		b.want(v1alpha1.ConditionDegraded, metav1.ConditionFalse, v1alpha1.ReasonStarting)
	}
}

// TestFamiliesFollowTheSpec: what spec.service no longer says is what it is by default,
// though the API server keeps the families of a Service that does not name any.
func TestFamiliesFollowTheSpec(t *testing.T) {
	b := newBench(t)
	b.begin()
	prefer, require := corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicyRequireDualStack
	four, both := []corev1.IPFamily{corev1.IPv4Protocol}, []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}
	for _, step := range []struct {
		service v1alpha1.ServiceTemplate
		want    []corev1.IPFamily
	}{
		{v1alpha1.ServiceTemplate{IPFamilyPolicy: &prefer}, both},
		{v1alpha1.ServiceTemplate{}, four},
		{v1alpha1.ServiceTemplate{IPFamilyPolicy: &require, IPFamilies: both}, both},
		{v1alpha1.ServiceTemplate{IPFamilies: four}, four},
	} {
		b.respec(func(s *v1alpha1.SIPClusterSpec) { s.Service = step.service })
		service := &corev1.Service{}
		b.get("ring", service)
		if !slices.Equal(service.Spec.IPFamilies, step.want) {
			t.Errorf("%+v: the Service has %v, %s", step.service, service.Spec.IPFamilies, *service.Spec.IPFamilyPolicy)
		}
	}
}
