package controllers_test

import (
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/proxy/config"
)

// TestEveryObjectInherits: labels and annotations of the spec are on all objects,
// and never in place of what the operator finds its objects by.
func TestEveryObjectInherits(t *testing.T) {
	b := newBench(t)
	b.create(func(c *v1alpha1.SIPCluster) {
		c.Spec.InheritedMetadata = &v1alpha1.InheritedMetadata{
			Labels:      map[string]string{"team": "voice", config.LabelCluster: "mine"},
			Annotations: map[string]string{"example.com/owner": "telephony"},
		}
	})
	b.settle()
	b.pod(0, ready)
	b.settle()
	objects := owned()
	objects["EndpointSlice/ring-ipv4-5060-0"] = &discoveryv1.EndpointSlice{}
	b.fill(objects)
	for key, o := range objects {
		if o.GetLabels()["team"] != "voice" || o.GetAnnotations()["example.com/owner"] != "telephony" {
			t.Errorf("%s has the labels %v and annotations %v", key, o.GetLabels(), o.GetAnnotations())
		}
		if got := o.GetLabels()[config.LabelCluster]; got != "ring" {
			t.Errorf("%s is of the cluster %q", key, got)
		}
	}
}

// TestBudget: as it is set, none while it is off, and one of somebody else's left
// alone.
func TestBudget(t *testing.T) {
	b := newBench(t)
	b.begin()
	budget := &policyv1.PodDisruptionBudget{}
	check := func(want string) {
		t.Helper()
		b.settle()
		b.get("ring", budget)
		if got := budget.Spec.MaxUnavailable.String(); got != want {
			t.Errorf("%s may be away, want %s", got, want)
		}
	}
	check("1")
	b.edit(func(s *v1alpha1.SIPClusterSpec) {
		s.PodDisruptionBudget = v1alpha1.PodDisruptionBudget{MaxUnavailable: new(intstr.FromString("40%"))}
	})
	check("40%")
	off := func(s *v1alpha1.SIPClusterSpec) {
		s.PodDisruptionBudget = v1alpha1.PodDisruptionBudget{Enabled: new(false)}
	}
	b.edit(off)
	b.settle()
	if err := b.client.Get(t.Context(), client.ObjectKeyFromObject(budget), budget); !apierrors.IsNotFound(err) {
		t.Errorf("a budget that is off is there: %v", err)
	}
	theirs := &policyv1.PodDisruptionBudget{}
	theirs.Namespace, theirs.Name = b.ns, "ring"
	b.ok(b.client.Create(t.Context(), theirs))
	b.settle()
	b.get("ring", theirs)
	b.ok(b.client.Delete(t.Context(), theirs))
	b.edit(func(s *v1alpha1.SIPClusterSpec) { s.PodDisruptionBudget = v1alpha1.PodDisruptionBudget{} })
	check("1")
}
