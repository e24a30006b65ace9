package controllers_test

import (
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

func proxyImage(set *appsv1.StatefulSet) string {
	for _, c := range set.Spec.Template.Spec.Containers {
		if c.Name == desired.Container {
			return c.Image
		}
	}
	return ""
}

// TestPausedPublishesAndDoesNothingElse: failover goes on, and nothing that a person
// or a newer operator asks for is carried out until the pause is over.
func TestPausedPublishesAndDoesNothingElse(t *testing.T) {
	b := newBench(t)
	b.allWell()
	b.told()
	b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Paused = true })
	b.settle()
	if told := b.told(); !slices.Equal(told, []string{v1alpha1.EventPaused}) {
		t.Errorf("events %v", told)
	}
	before := b.statefulSet()

	b.edit(func(s *v1alpha1.SIPClusterSpec) {
		s.Replicas, s.Domains, s.Service.Annotations = new(int32(5)), []v1alpha1.Domain{"example.org"}, map[string]string{"a": "b"}
	})
	b.image = "example.com/sipring:2"
	b.restart(b.client)
	b.delete("ring", &policyv1.PodDisruptionBudget{})
	b.remove(2, true)
	b.settle()
	if now := b.statefulSet(); now.ResourceVersion != before.ResourceVersion {
		t.Errorf("the StatefulSet changed: image %s, %d pods", proxyImage(now), *now.Spec.Replicas)
	}
	service := &corev1.Service{}
	if b.get("ring", service); service.Annotations["a"] != "" {
		t.Error("the Service changed")
	}
	if err := b.client.Get(t.Context(), client.ObjectKey{Namespace: b.ns, Name: "ring"}, &policyv1.PodDisruptionBudget{}); !apierrors.IsNotFound(err) {
		t.Errorf("the budget: %v, want it gone still", err)
	}
	slice := &discoveryv1.EndpointSlice{}
	if b.get("ring-ipv4-5060-0", slice); b.states() != "0:active 1:active" || len(slice.Endpoints) != 2 {
		t.Errorf("published: %s, %d endpoints", b.states(), len(slice.Endpoints))
	}
	b.want(v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPaused)
	b.want(v1alpha1.ConditionProgressing, metav1.ConditionTrue, v1alpha1.ReasonPaused)
	if c := b.cluster(); c.Status.ObservedGeneration != c.Generation {
		t.Errorf("observed generation %d of %d", c.Status.ObservedGeneration, c.Generation)
	}
	b.told()

	b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Paused = false })
	b.settle()
	if now := b.statefulSet(); proxyImage(now) != "example.com/sipring:2" || *now.Spec.Replicas != 5 {
		t.Errorf("after the pause: image %s, %d pods", proxyImage(now), *now.Spec.Replicas)
	}
	if told := b.told(); !slices.Contains(told, v1alpha1.EventResumed) || !slices.Contains(told, v1alpha1.EventRollingUpdateStarted) {
		t.Errorf("events %v", told)
	}
	if c := b.cluster(); meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionPaused) != nil {
		t.Error("the condition Paused is still there")
	}
	b.get("ring", &policyv1.PodDisruptionBudget{})
}

// TestPausedMissesNoPods: those that it has not asked for yet are no trouble.
func TestPausedMissesNoPods(t *testing.T) {
	b := newBench(t)
	b.goesByItsClock()
	b.allWell()
	b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Replicas, s.Paused = new(int32(4)), true })
	b.settle()
	b.later(time.Minute)
	b.settle()
	b.want(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPaused)
	if c := b.condition(v1alpha1.ConditionDegraded); c.Status != metav1.ConditionFalse {
		t.Errorf("degraded: %s %s", c.Reason, c.Message)
	}
}

// TestPausedRotationIsTold: a rotation of keys that is asked for waits like any other
// change, and the status says so.
func TestPausedRotationIsTold(t *testing.T) {
	b, _ := timed(t)
	b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Paused = true })
	b.settle()
	b.want(v1alpha1.ConditionProgressing, metav1.ConditionFalse, v1alpha1.ReasonStable)
	b.annotate(v1alpha1.AnnotationRotateKeys, "a")
	b.settle()
	b.want(v1alpha1.ConditionProgressing, metav1.ConditionTrue, v1alpha1.ReasonPaused)
	if m := b.condition(v1alpha1.ConditionReady).Message; m != "spec.paused is true: a rotation of the keys waits" {
		t.Errorf("Ready says %q", m)
	}
	b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Paused = false })
	b.inPhase("Adding 2, Adding 2")
	b.edit(func(s *v1alpha1.SIPClusterSpec) { s.Paused = true })
	b.settle()
	b.want(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPaused)
}
