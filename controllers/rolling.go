package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// turnAgain is when one that waits looks again though it heard of no turn that ended.
const turnAgain = time.Minute

// hold is why something that was asked for is not carried out yet, which is no fault.
type hold struct {
	reason, message string
	// until is when to look again.
	until time.Time
}

func (h *hold) Error() string { return h.message }

// applyPods applies the StatefulSet, which holds the configuration. A change of the
// pods that only comes with the operator waits for its turn, which is a *hold.
func (r *Reconciler) applyPods(ctx context.Context, seen *observation) error {
	c := seen.cluster
	key := client.ObjectKeyFromObject(c)
	want, err := r.pods(c)
	if err != nil {
		return err
	}
	before := r.turns.current(seen.statefulSet)
	next, starts := planned(seen, &before, want, r.appliedPods(c), r.now())
	if !starts || next.Cause != byOperator {
		r.turns.giveBack(key)
	} else if w, err := r.turn(ctx, key); err != nil {
		return err
	} else if w != nil {
		return r.waitWith(ctx, seen, &before, r.waits(ctx, &next, w))
	}
	err = r.applyStatefulSet(ctx, seen, want.WithAnnotations(map[string]string{annotationRollout: next.text()}))
	switch {
	case err != nil && !unanswered(err):
		r.turns.giveBack(key)
	case err == nil && want.ResourceVersion != nil:
		if starts && r.appliedPods(c) == seen.statefulSet.Generation { // another text for the same pods
			next.Cause, next.Why, next.Began, next.Ended = before.Cause, before.Why, before.Began, before.Ended
		}
		r.turns.wrote(key, next, *want.ResourceVersion)
		r.tellRollout(ctx, seen, &before, &next)
	}
	if apierrors.IsInvalid(err) && c.Spec.Template != nil {
		return &templateError{err}
	}
	return err
}

// unanswered says that a write may have been carried out all the same.
func unanswered(err error) bool {
	var lost *url.Error
	return errors.As(err, &lost) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// pods is the StatefulSet that the SIPCluster asks for.
func (r *Reconciler) pods(c *v1alpha1.SIPCluster) (*appsv1ac.StatefulSetApplyConfiguration, error) {
	configuration, err := desired.ConfigText(c)
	if err != nil {
		return nil, err
	}
	image := c.Spec.Image
	if image == "" {
		image = r.image
	}
	set, err := desired.StatefulSet(c, image, configuration)
	if err != nil {
		return nil, &templateError{err}
	}
	if c.Spec.Template != nil {
		if err := r.policy.Check(set.Spec.Template); err != nil {
			return nil, &templateError{err}
		}
	}
	return set, nil
}

// appliedPods is the generation of the StatefulSet that this process applied last.
func (r *Reconciler) appliedPods(c *v1alpha1.SIPCluster) int64 {
	return r.applied.generation(client.ObjectKeyFromObject(c), "StatefulSet/"+desired.StatefulSetName(c.Name))
}

func (r *Reconciler) turn(ctx context.Context, key types.NamespacedName) (*wait, error) {
	all := &appsv1.StatefulSetList{}
	if err := r.client.List(ctx, all, client.HasLabels{config.LabelCluster}); err != nil {
		return nil, fmt.Errorf("list stateful sets: %w", err)
	}
	return r.turns.take(key, all.Items, r.now()), nil
}

// waits says what waits, and for whom.
func (r *Reconciler) waits(ctx context.Context, next *rollout, w *wait) *hold {
	h := &hold{reason: v1alpha1.ReasonUpdateWaiting, until: r.now().Add(turnAgain)}
	if !w.until.IsZero() && w.until.Before(h.until) {
		h.until = w.until
	}
	what := fmt.Sprintf("a change that comes with the operator (%s) waits", next.Why)
	if len(w.rolling) == 0 {
		h.message = what + ": others of its SIPClusters were updated just now"
		return h
	}
	first := w.rolling[0]
	h.message = fmt.Sprintf("%s for SIPCluster %s, whose pods are being replaced since %s", what, first.cluster, first.since.Format(time.RFC3339))
	if n := len(w.rolling) - 1; n > 0 {
		h.message += fmt.Sprintf(", and %d more", n)
	}
	other := &v1alpha1.SIPCluster{}
	if r.client.Get(ctx, first.cluster, other) == nil {
		if bad := meta.FindStatusCondition(other.Status.Conditions, v1alpha1.ConditionDegraded); bad != nil && bad.Status == metav1.ConditionTrue {
			h.message += fmt.Sprintf(": it is degraded (%s)", bad.Reason)
		}
	}
	return h
}

// waitWith is what is done of the StatefulSet while its pods' template waits: it has
// as many pods as are asked for, and the rollout before ends.
func (r *Reconciler) waitWith(ctx context.Context, seen *observation, before *rollout, h *hold) error {
	if err := r.end(ctx, seen, before); err != nil {
		return err
	}
	if wanted := desired.Replicas(seen.cluster); podsAsked(seen.statefulSet) != wanted {
		if err := r.patchPods(ctx, seen, map[string]any{"spec": map[string]any{"replicas": wanted}}); err != nil {
			return err
		}
	}
	return h
}

// podsAsked is how many pods the StatefulSet asks for.
func podsAsked(set *appsv1.StatefulSet) int32 {
	if set.Spec.Replicas == nil {
		return 1 // Kubernetes' default
	}
	return *set.Spec.Replicas
}

// end notes that a rollout that was under way is done, where nothing else is applied.
func (r *Reconciler) end(ctx context.Context, seen *observation, before *rollout) error {
	if !before.underWay() || !replaced(seen, r.appliedPods(seen.cluster)) {
		return nil
	}
	next := *before
	next.Ended = stamp(r.now())
	if err := r.patchPods(ctx, seen, map[string]any{"metadata": map[string]any{"annotations": map[string]string{annotationRollout: next.text()}}}); err != nil {
		return err
	}
	r.tellRollout(ctx, seen, before, &next)
	return nil
}

func (r *Reconciler) patchPods(ctx context.Context, seen *observation, change map[string]any) error {
	if !metav1.IsControlledBy(seen.statefulSet, seen.cluster) {
		return foreign("StatefulSet", seen.statefulSet)
	}
	patch, err := json.Marshal(change)
	if err != nil {
		return err
	}
	set := seen.statefulSet.DeepCopy()
	if err := r.client.Patch(ctx, set, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(desired.FieldOwner)); err != nil {
		return fmt.Errorf("patch StatefulSet %s: %w", set.Name, err)
	}
	r.turns.wrote(client.ObjectKeyFromObject(seen.cluster), rolloutOf(set), set.ResourceVersion)
	return nil
}

// tellRollout tells by Events that pods are going to be replaced, and that they are.
func (r *Reconciler) tellRollout(ctx context.Context, seen *observation, before, next *rollout) {
	c, log := seen.cluster, ctrl.LoggerFrom(ctx)
	switch {
	case next.underWay() && !next.Began.Equal(before.Began):
		who := "the SIPCluster changed"
		if next.Cause == byOperator {
			who = "it comes with the operator"
		}
		log.Info("Pods are going to be replaced", "why", next.Why, "cause", string(next.Cause))
		r.recorder.Eventf(c, nil, corev1.EventTypeNormal, v1alpha1.EventRollingUpdateStarted, updating,
			"%d pods are going to be replaced: %s (%s)", desired.ToReplace(c), next.Why, who)
	case before.underWay() && !next.Ended.IsZero():
		took := next.Ended.Sub(next.Began)
		log.Info("Pods are replaced", "why", next.Why, "seconds", took.Seconds())
		r.recorder.Eventf(c, nil, corev1.EventTypeNormal, v1alpha1.EventRollingUpdateDone, updating,
			"%d pods were replaced in %s: %s", desired.ToReplace(c), took.Round(time.Second/10), next.Why)
	}
}

// updating is what the operator did when it told of a rollout.
const updating = "Update"

// over puts what is held back into the condition Progressing, where nothing else is
// under way.
func (h *hold) over(moves metav1.Condition) metav1.Condition {
	if h == nil || moves.Status == metav1.ConditionTrue && h.reason != v1alpha1.ReasonPaused {
		return moves
	}
	return metav1.Condition{Type: moves.Type, Status: metav1.ConditionTrue, Reason: h.reason, Message: shortened(h.message)}
}

// again is when the pass should be repeated for it, at most later.
func (h *hold) again(now time.Time, later time.Duration) time.Duration {
	if h == nil || h.until.IsZero() {
		return later
	}
	return min(later, max(h.until.Sub(now), time.Millisecond))
}

// waitersOf are the SIPClusters that wait for a turn: one of another has changed.
func (r *Reconciler) waitersOf(context.Context, client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, key := range r.turns.waiters() {
		requests = append(requests, reconcile.Request{NamespacedName: key})
	}
	return requests
}

// rolloutChanged passes what may free a turn, or say of a wait for whom it is.
func rolloutChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetAnnotations()[annotationRollout] != e.ObjectNew.GetAnnotations()[annotationRollout]
		},
	}
}
