package controllers_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
)

// at gives a ready pod the addresses, the first as its own; N is its ordinal.
func at(ordinal int, addresses ...string) func(*corev1.PodStatus) {
	return func(s *corev1.PodStatus) {
		ready(s)
		s.PodIPs = nil
		for _, a := range addresses {
			s.PodIPs = append(s.PodIPs, corev1.PodIP{IP: strings.ReplaceAll(a, "N", fmt.Sprint(ordinal+1))})
		}
		s.PodIP = s.PodIPs[0].IP
	}
}

// offered are the addresses of each of the Service's slices, by its name.
func (b *bench) offered() map[string]string {
	b.Helper()
	list := &discoveryv1.EndpointSliceList{}
	b.ok(b.client.List(b.Context(), list, client.InNamespace(b.ns), client.MatchingLabels{discoveryv1.LabelServiceName: "ring"}))
	got := map[string]string{}
	for _, s := range list.Items {
		var addresses []string
		for _, e := range s.Endpoints {
			addresses = append(addresses, e.Addresses...)
		}
		got[s.Name] = string(s.AddressType) + " " + strings.Join(addresses, " ")
	}
	return got
}

// TestFamilies: the Service's endpoints are of its families, whichever the pods
// have first, and a family without any is told.
func TestFamilies(t *testing.T) {
	const four, six = "10.0.0.N", "fd00:244::N"
	both := corev1.IPFamilyPolicyPreferDualStack
	fourSlice, sixSlice := map[string]string{"ring-ipv4-5060-0": "IPv4 10.0.0.1 10.0.0.2"}, map[string]string{"ring-ipv6-5060-0": "IPv6 fd00:244::1 fd00:244::2"}
	bothSlices := map[string]string{"ring-ipv4-5060-0": fourSlice["ring-ipv4-5060-0"], "ring-ipv6-5060-0": sixSlice["ring-ipv6-5060-0"]}
	v4, v6 := []corev1.IPFamily{corev1.IPv4Protocol}, []corev1.IPFamily{corev1.IPv6Protocol}
	tests := map[string]struct {
		service   v1alpha1.ServiceTemplate
		pods      []string
		slices    map[string]string
		available string // reason
		says      string // what is told; empty: nothing is wrong
	}{
		"IPv4":                     {v1alpha1.ServiceTemplate{}, []string{four}, fourSlice, v1alpha1.ReasonServing, ""},
		"IPv4 of both":             {v1alpha1.ServiceTemplate{IPFamilies: v4}, []string{four, six}, fourSlice, v1alpha1.ReasonServing, ""},
		"IPv4 of both, the second": {v1alpha1.ServiceTemplate{IPFamilies: v4}, []string{six, four}, fourSlice, v1alpha1.ReasonServing, ""},
		"IPv6":                     {v1alpha1.ServiceTemplate{IPFamilies: v6}, []string{six}, sixSlice, v1alpha1.ReasonServing, ""},
		"IPv6 of both, the second": {v1alpha1.ServiceTemplate{IPFamilies: v6}, []string{four, six}, sixSlice, v1alpha1.ReasonServing, ""},
		"both":                     {v1alpha1.ServiceTemplate{IPFamilyPolicy: &both}, []string{four, six}, bothSlices, v1alpha1.ReasonServing, ""},
		"IPv6, pods have IPv4":     {v1alpha1.ServiceTemplate{IPFamilies: v6}, []string{four}, map[string]string{}, v1alpha1.ReasonFamilyMismatch, "Service ring has the family IPv6, and these pods have no address of it, so that nothing reaches them by it: ring-0, ring-1"},
		"IPv4, pods have IPv6":     {v1alpha1.ServiceTemplate{}, []string{six}, map[string]string{}, v1alpha1.ReasonFamilyMismatch, "Service ring has the family IPv4"},
		"both, pods have IPv4":     {v1alpha1.ServiceTemplate{IPFamilyPolicy: &both}, []string{four}, fourSlice, v1alpha1.ReasonServing, "Service ring has the family IPv6"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.create(func(c *v1alpha1.SIPCluster) {
				c.Spec.Replicas, c.Spec.Service = new(int32(2)), tt.service
			})
			b.settle()
			for i := range 2 {
				b.pod(i, at(i, tt.pods...))
			}
			b.settle()
			b.seenTo(2)
			if d := cmp.Diff(tt.slices, b.offered()); d != "" {
				t.Errorf("slices (-want +got):\n%s", d)
			}
			if set := b.members(); (set.Second != "") != (tt.service.IPFamilyPolicy != nil) || set.SecondAt(set.Advertise) != "" && !strings.HasPrefix(set.SecondAt(set.Advertise), "[") {
				t.Errorf("members are told of the addresses %q and %q", set.Advertise, set.Second)
			}
			available, degraded := b.condition(v1alpha1.ConditionAvailable), b.condition(v1alpha1.ConditionDegraded)
			if available.Reason != tt.available || (available.Status == metav1.ConditionTrue) != (tt.available == v1alpha1.ReasonServing) {
				t.Errorf("Available is %s %s (%s), want %s", available.Status, available.Reason, available.Message, tt.available)
			}
			if tt.says == "" {
				b.want(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonServing)
				return
			}
			b.want(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonFamilyMismatch)
			if !strings.Contains(degraded.Message, tt.says) || degraded.Status != metav1.ConditionTrue {
				t.Errorf("Degraded is %s: %q, want %q", degraded.Status, degraded.Message, tt.says)
			}
		})
	}
}

// TestProxyOfOneAddress: one that was made before proxies were told of all their
// addresses does not receive at the second.
func TestProxyOfOneAddress(t *testing.T) {
	b := newBench(t)
	b.create(func(c *v1alpha1.SIPCluster) {
		c.Spec.Service.IPFamilyPolicy = new(corev1.IPFamilyPolicyPreferDualStack)
	})
	b.settle()
	b.podOf(0, func(pod *corev1.Pod) { pod.Spec.Containers[0].Env = nil })
	b.podStatus(0, at(0, "10.0.0.N", "fd00:244::N"))
	b.settle()
	if d := cmp.Diff(map[string]string{"ring-ipv4-5060-0": "IPv4 10.0.0.1"}, b.offered()); d != "" {
		t.Errorf("slices (-want +got):\n%s", d)
	}
}
