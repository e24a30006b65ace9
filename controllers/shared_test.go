package controllers_test

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// label has the namespace be labelled so; empty: not at all.
func (b *bench) label(level string) {
	b.Helper()
	ns := &corev1.Namespace{}
	b.ok(b.client.Get(b.Context(), client.ObjectKey{Name: b.ns}, ns))
	if ns.Labels == nil {
		ns.Labels = map[string]string{}
	}
	ns.Labels["pod-security.kubernetes.io/enforce"] = level
	if level == "" {
		delete(ns.Labels, "pod-security.kubernetes.io/enforce")
	}
	b.ok(b.client.Update(b.Context(), ns))
}

// assign has the load balancer assign the addresses to the Service.
func (b *bench) assign(addresses ...string) {
	b.Helper()
	s := &corev1.Service{}
	b.get("ring", s)
	s.Status.LoadBalancer.Ingress = nil
	for _, a := range addresses {
		s.Status.LoadBalancer.Ingress = append(s.Status.LoadBalancer.Ingress, corev1.LoadBalancerIngress{IP: a})
	}
	b.ok(b.client.Status().Update(b.Context(), s))
}

func shares(c *v1alpha1.SIPCluster) {
	c.Spec.Network.Mode, c.Spec.Service.Type = v1alpha1.NetworkModeSharedAddress, corev1.ServiceTypeLoadBalancer
}

// sharedOf are the addresses that pods are made with; none where there is no StatefulSet.
func (b *bench) sharedOf() []string {
	b.Helper()
	set := &appsv1.StatefulSet{}
	err := b.client.Get(b.Context(), client.ObjectKey{Namespace: b.ns, Name: "ring"}, set)
	if apierrors.IsNotFound(err) {
		return nil
	}
	b.ok(err)
	c, err := config.ParseConfig([]byte(set.Spec.Template.Annotations[desired.AnnotationConfig]))
	b.ok(err)
	return c.SharedAddresses
}

// TestSharedAddressNeedsItsLabel: without it no pods are made, and the status says what to
// run; what is there already stays.
func TestSharedAddressNeedsItsLabel(t *testing.T) {
	b := newBench(t)
	for _, level := range []string{"", "restricted", "baseline"} {
		b.label(level)
		if level == "" {
			b.create(shares, func(c *v1alpha1.SIPCluster) { c.Spec.Network.Addresses = []v1alpha1.SharedAddress{"192.0.2.9"} })
		}
		b.failing()
		b.want(v1alpha1.ConditionDegraded, metav1.ConditionTrue, v1alpha1.ReasonNamespaceNotPrivileged)
		b.want(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNamespaceNotPrivileged)
		b.wantStalled(true)
		want := "kubectl label --overwrite namespace " + b.ns + " pod-security.kubernetes.io/enforce=privileged"
		if message := b.condition(v1alpha1.ConditionDegraded).Message; !strings.Contains(message, want) || !strings.Contains(message, `"`+level+`"`) {
			t.Errorf("message %q, want %q and %q in it", message, want, level)
		}
		if shared := b.sharedOf(); shared != nil {
			t.Errorf("with the label %q there is a StatefulSet: %v", level, shared)
		}
	}
	b.label("privileged")
	b.settle()
	if shared := b.sharedOf(); !slices.Equal(shared, []string{"192.0.2.9"}) {
		t.Errorf("pods of %v", shared)
	}
	if reason := b.condition(v1alpha1.ConditionDegraded).Reason; reason == v1alpha1.ReasonNamespaceNotPrivileged {
		t.Errorf("labelled, and it is still %s", reason)
	}
	b.wantStalled(false)
}

// TestSharedAddressIsAwaited: pods are made when the load balancer has assigned it, follow
// a change, and keep it when it is gone.
func TestSharedAddressIsAwaited(t *testing.T) {
	b := newBench(t)
	b.label("privileged")
	b.create(shares)
	b.settle()
	b.want(v1alpha1.ConditionProgressing, metav1.ConditionTrue, v1alpha1.ReasonWaitingForAddress)
	if message := b.condition(v1alpha1.ConditionProgressing).Message; !strings.Contains(message, "the load balancer of Service ring has assigned none yet") {
		t.Errorf("message %q", message)
	}
	b.wantStalled(false)
	if shared := b.sharedOf(); shared != nil {
		t.Errorf("pods of %v before there is an address", shared)
	}
	service := &corev1.Service{}
	b.get("ring", service)
	if service.Labels["service.kubernetes.io/service-proxy-name"] != "sipring.io" || service.Spec.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal ||
		service.Spec.AllocateLoadBalancerNodePorts == nil || *service.Spec.AllocateLoadBalancerNodePorts {
		t.Errorf("Service %v %+v", service.Labels, service.Spec)
	}
	for _, step := range []struct{ assigned, want []string }{
		{[]string{"192.0.2.9"}, []string{"192.0.2.9"}},
		{[]string{"192.0.2.10", "192.0.2.11"}, []string{"192.0.2.10"}},
		{nil, []string{"192.0.2.10"}},
	} {
		b.assign(step.assigned...)
		b.settle()
		if shared := b.sharedOf(); !slices.Equal(shared, step.want) {
			t.Errorf("assigned %v: pods of %v, want %v", step.assigned, shared, step.want)
		}
	}
	for i := range 3 {
		b.pod(i, ready)
	}
	b.settle()
	b.seenTo(3)
	if got := b.members().Advertise; got != "192.0.2.10:5060" {
		t.Errorf("advertised %q", got)
	}
	b.assign("192.0.2.20")
	b.settle()
	const told = "3 pods are going to be replaced: shared addresses 192.0.2.10 -> 192.0.2.20 (the load balancer has assigned another address)"
	if !slices.ContainsFunc(b.events.notes, func(n string) bool { return strings.HasSuffix(n, told) }) {
		t.Errorf("events %q", b.events.notes)
	}
}

// TestAnotherModeNeedsNoLabel, and no address.
func TestAnotherModeNeedsNoLabel(t *testing.T) {
	b := newBench(t)
	b.create(func(c *v1alpha1.SIPCluster) { c.Spec.Service.Type = corev1.ServiceTypeLoadBalancer })
	b.settle()
	if shared := b.sharedOf(); len(shared) > 0 {
		t.Errorf("pods of %v", shared)
	}
	service := &corev1.Service{}
	b.get("ring", service)
	if _, is := service.Labels["service.kubernetes.io/service-proxy-name"]; is {
		t.Errorf("Service %v", service.Labels)
	}
}
