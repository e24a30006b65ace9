package controllers_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// translated checks the condition SourceTranslated: its reason, or that there is none, and
// whether an Event was sent.
func (b *bench) translated(step, reason string, event bool, parts ...string) {
	b.Helper()
	b.settle()
	c := meta.FindStatusCondition(b.cluster().Status.Conditions, v1alpha1.ConditionSourceTranslated)
	switch {
	case reason == "" && c != nil:
		b.Errorf("%s: %s: %s", step, c.Reason, c.Message)
	case reason != "" && (c == nil || c.Reason != reason || c.Status != metav1.ConditionTrue):
		b.Errorf("%s: %+v, want %s", step, c, reason)
	case reason != "":
		for _, part := range parts {
			if !strings.Contains(c.Message, part) {
				b.Errorf("%s: message %q, want %q in it", step, c.Message, part)
			}
		}
	}
	if got := slices.Contains(b.told(), v1alpha1.EventSourceTranslated); got != event {
		b.Errorf("%s: warned of by an Event: %v, want %v", step, got, event)
	}
}

// TestTranslationByPolicy: the Service says so itself.
func TestTranslationByPolicy(t *testing.T) {
	b := newBench(t)
	b.allWell()
	b.translated("inside of Kubernetes", "", false)
	b.edit(func(s *v1alpha1.SIPClusterSpec) {
		s.Service.Type, s.Service.ExternalTrafficPolicy = corev1.ServiceTypeLoadBalancer, corev1.ServiceExternalTrafficPolicyCluster
	})
	b.translated("asked for", v1alpha1.ReasonExternalTrafficPolicyCluster, true, "Service ring has externalTrafficPolicy Cluster", "set spec.service.externalTrafficPolicy Local")
	b.want(v1alpha1.ConditionAvailable, metav1.ConditionTrue, v1alpha1.ReasonServing)
	b.translated("still", v1alpha1.ReasonExternalTrafficPolicyCluster, false)
	b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Service.ExternalTrafficPolicy = "" })
	b.translated("no more", "", false)
}

// TestTranslationBySources: a node's address is that of many phones, and no other is told.
func TestTranslationBySources(t *testing.T) {
	b := newBench(t)
	b.onNodes()
	n := &corev1.Node{}
	b.ok(b.client.Get(b.Context(), client.ObjectKey{Name: b.ns + "-node-1"}, n))
	t.Cleanup(func() { _ = b.client.Delete(context.Background(), n) }) // nodes are of no namespace, and this one has addresses
	n.Spec.PodCIDR, n.Spec.PodCIDRs = "10.244.7.0/24", []string{"10.244.7.0/24"}
	b.ok(b.client.Update(b.Context(), n))
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "one"}, {Type: corev1.NodeInternalIP, Address: "172.18.0.3"}}
	b.ok(b.client.Status().Update(b.Context(), n))
	says := func(ordinal int, sources ...config.Source) { b.reports(ordinal, config.Report{Sources: sources}) }

	says(0, config.Source{Address: "203.0.113.7", Bindings: 4096})
	b.translated("a NAT of phones", "", false)
	says(0, config.Source{Address: "203.0.113.7", Bindings: 4096}, config.Source{Address: "172.18.0.3", Bindings: 15})
	b.translated("too few to tell", "", false)
	says(0, config.Source{Address: "203.0.113.7", Bindings: 4096}, config.Source{Address: "172.18.0.3", Bindings: 16})
	b.translated("a node", v1alpha1.ReasonNodeIsSource, true, "172.18.0.3, of node "+n.Name)
	says(1, config.Source{Address: "10.244.7.1", Bindings: 64})
	b.translated("its bridge as well", v1alpha1.ReasonNodeIsSource, false, "10.244.7.1, of node "+n.Name+"; from 172.18.0.3")
	says(0)
	says(1)
	b.translated("no more", "", false)
}

// TestTranslationOfNobody: what one writes who is no proxy of the cluster counts for nothing.
func TestTranslationOfNobody(t *testing.T) {
	b := newBench(t)
	b.begin()
	for i := range 2 {
		b.pod(i, ready)
	}
	b.node(0)
	n := &corev1.Node{}
	b.ok(b.client.Get(b.Context(), client.ObjectKey{Name: b.ns + "-node-0"}, n))
	t.Cleanup(func() { _ = b.client.Delete(context.Background(), n) })
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "172.18.0.9"}}
	b.ok(b.client.Status().Update(b.Context(), n))
	b.reports(2, config.Report{Sources: []config.Source{{Address: "172.18.0.9", Bindings: 64}}})
	b.translated("of a pod that there is not", "", false)
	b.reports(1, config.Report{Sources: []config.Source{{Address: "172.18.0.9", Bindings: 64}}})
	b.translated("of one that there is", v1alpha1.ReasonNodeIsSource, true)
}
