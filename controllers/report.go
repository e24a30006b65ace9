package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/membership"
)

// report writes what a pass found and did into the status and, where something new
// is wrong, an Event.
func (r *Reconciler) report(ctx context.Context, seen *observation, d *membership.Result, did outcome) error {
	return r.writeStatus(ctx, seen.cluster, statusOf(seen, d, did, metav1.NewTime(r.now())))
}

// reportBlocked says that a pass could not go on, if its fault is one that a
// person has to mend. What else the status says is the last that was true.
func (r *Reconciler) reportBlocked(ctx context.Context, c *v1alpha1.SIPCluster, f fault) error {
	if f.reason == "" {
		return nil
	}
	status := *c.Status.DeepCopy()
	status.ObservedGeneration = c.Generation
	message, now := shortened(f.err.Error()), metav1.NewTime(r.now())
	verdict{true, f.stalls(), f.reason, message}.set(&status.Conditions, c.Generation, now)
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionDegraded, Status: metav1.ConditionTrue, Reason: f.reason,
		Message: message, ObservedGeneration: c.Generation, LastTransitionTime: now,
	})
	return r.writeStatus(ctx, c, status)
}

func (r *Reconciler) writeStatus(ctx context.Context, c *v1alpha1.SIPCluster, status v1alpha1.SIPClusterStatus) error {
	if equality.Semantic.DeepEqual(c.Status, status) {
		return nil
	}
	r.warn(c, &status)
	r.tellHeld(c, &status)
	after := c.DeepCopy()
	after.Status = status
	err := r.client.Status().Patch(ctx, after, client.MergeFrom(c), client.FieldOwner(desired.FieldOwner))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// warn tells by an Event what is newly wrong.
func (r *Reconciler) warn(c *v1alpha1.SIPCluster, status *v1alpha1.SIPClusterStatus) {
	before := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionDegraded)
	now := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionDegraded)
	if now == nil || now.Status != metav1.ConditionTrue || before != nil && before.Status == now.Status && before.Reason == now.Reason {
		return
	}
	r.recorder.Eventf(c, nil, corev1.EventTypeWarning, now.Reason, "Reconcile", "%s", now.Message)
}
