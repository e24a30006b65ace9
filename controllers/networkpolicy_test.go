package controllers_test

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
)

// TestNetworkPolicy: it is there by default, goes when it is turned off, and one of
// somebody else of that name stays.
func TestNetworkPolicy(t *testing.T) {
	b := newBench(t)
	b.begin()
	key := client.ObjectKey{Namespace: b.ns, Name: "ring"}
	policy := &networkingv1.NetworkPolicy{}
	b.ok(b.client.Get(t.Context(), key, policy))
	if len(policy.Spec.Ingress) != 3 {
		t.Errorf("%d rules, want those of everybody, of members and of metrics", len(policy.Spec.Ingress))
	}

	b.respec(func(s *v1alpha1.SIPClusterSpec) { s.NetworkPolicy.Enabled = new(false) })
	if err := b.client.Get(t.Context(), key, policy); !apierrors.IsNotFound(err) {
		t.Errorf("turned off it is still there: %v", err)
	}

	theirs := &networkingv1.NetworkPolicy{}
	theirs.Namespace, theirs.Name = b.ns, "ring"
	b.ok(b.client.Create(t.Context(), theirs))
	b.settle()
	b.ok(b.client.Get(t.Context(), key, policy))
	c := b.cluster()
	c.Spec.NetworkPolicy.Enabled = new(true)
	b.ok(b.client.Update(t.Context(), c))
	if err := b.reconcile(); err == nil {
		t.Error("a policy of somebody else is no fault")
	}
	if d := b.condition(v1alpha1.ConditionDegraded); d.Reason != v1alpha1.ReasonNameConflict {
		t.Errorf("a policy of somebody else is %+v, want %s", d, v1alpha1.ReasonNameConflict)
	}
}
