package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/rotation"
)

// keep does what is left to do for a SIPCluster with spec.paused, beyond publishing: it
// notes the end of a rollout that was under way, for which others wait, and says what
// waits.
func (r *rollouts) keep(ctx context.Context, seen *observation) error {
	c := seen.cluster
	r.turns.giveBack(client.ObjectKeyFromObject(c))
	before := r.turns.current(seen.statefulSet)
	if err := r.end(ctx, seen, &before); err != nil {
		return err
	}
	waiting := ""
	want, err := r.workload.wanted(seen)
	switch {
	case seen.statefulSet == nil:
		waiting = "its pods are not made"
	case err != nil || before.Template != digest(want.Spec.Template):
		waiting = "a change of the pods waits"
	case podsAsked(seen.statefulSet) != desired.Replicas(c) || before.Spec != specDigest(c):
		waiting = "a change of the spec waits"
	case rotationWaits(c):
		waiting = "a rotation of the keys waits"
	}
	if waiting == "" {
		return nil
	}
	return &hold{reason: v1alpha1.ReasonPaused, message: "spec.paused is true: " + waiting}
}

// rotationWaits says that a rotation of keys is asked for, or under way, by what the
// status says.
func rotationWaits(c *v1alpha1.SIPCluster) bool {
	asked := keysAsked(c).rotate
	for _, k := range []*v1alpha1.KeysStatus{c.Status.Keys, c.Status.Signer} {
		if k == nil && asked != "" || k != nil && (asked != "" && k.Request != asked || k.Phase != v1alpha1.KeysPhase(rotation.Current)) {
			return true
		}
	}
	return false
}

// setPaused puts the condition Paused there, or away.
func setPaused(conditions *[]metav1.Condition, c *v1alpha1.SIPCluster, now metav1.Time) {
	if !c.Spec.Paused {
		meta.RemoveStatusCondition(conditions, v1alpha1.ConditionPaused)
		return
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: v1alpha1.ConditionPaused, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonPaused,
		Message:            "spec.paused is true: members are published, and nothing else is changed",
		ObservedGeneration: c.Generation, LastTransitionTime: now,
	})
}
