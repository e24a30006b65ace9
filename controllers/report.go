package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/membership"
)

// reporter tells what a pass found and did: in the status, and by Events what is new.
type reporter struct {
	client   client.Client
	recorder events.EventRecorder
	now      func() time.Time
}

// report writes what a pass found and did into the status and, where something new
// is wrong, an Event.
func (r *reporter) report(ctx context.Context, seen *observation, d *membership.Result, did outcome) error {
	return r.writeStatus(ctx, seen.cluster, statusOf(seen, d, did, metav1.NewTime(r.now())))
}

// reportBlocked says that a pass could not go on, if its fault is one that a
// person has to mend. What else the status says is the last that was true.
func (r *reporter) reportBlocked(ctx context.Context, c *v1alpha1.SIPCluster, f fault) error {
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

func (r *reporter) writeStatus(ctx context.Context, c *v1alpha1.SIPCluster, status v1alpha1.SIPClusterStatus) error {
	if equality.Semantic.DeepEqual(c.Status, status) {
		return nil
	}
	r.warn(c, &status)
	r.tellHeld(c, &status)
	r.tellOpen(c, &status)
	r.tellTranslated(c, &status)
	r.tellApplications(c, &status)
	after := c.DeepCopy()
	after.Status = status
	err := r.client.Status().Patch(ctx, after, client.MergeFrom(c), client.FieldOwner(desired.FieldOwner))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

// warn tells by an Event what is newly wrong.
func (r *reporter) warn(c *v1alpha1.SIPCluster, status *v1alpha1.SIPClusterStatus) {
	before := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionDegraded)
	now := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionDegraded)
	if now == nil || now.Status != metav1.ConditionTrue || before != nil && before.Status == now.Status && before.Reason == now.Reason {
		return
	}
	r.recorder.Eventf(c, nil, corev1.EventTypeWarning, now.Reason, "Reconcile", "%s", now.Message)
}

// tellHeld tells by Events that changes are held back, and that they are no more.
func (r *reporter) tellHeld(c *v1alpha1.SIPCluster, status *v1alpha1.SIPClusterStatus) {
	was, is := meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionPaused), meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionPaused)
	switch {
	case is && !was:
		r.recorder.Eventf(c, nil, corev1.EventTypeNormal, v1alpha1.EventPaused, updating, "spec.paused is true: nothing but members is changed")
	case was && !is:
		r.recorder.Eventf(c, nil, corev1.EventTypeNormal, v1alpha1.EventResumed, updating, "spec.paused is false: what waited is carried out")
	}
	before, now := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionProgressing), meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionProgressing)
	if now != nil && now.Reason == v1alpha1.ReasonUpdateWaiting && (before == nil || before.Reason != now.Reason) {
		r.recorder.Eventf(c, nil, corev1.EventTypeNormal, v1alpha1.EventUpdateWaiting, updating, "%s", now.Message)
	}
}
