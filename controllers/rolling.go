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
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// turnAgain is when one that waits looks again though it heard of no turn that ended.
const turnAgain = time.Minute

// rollouts applies the StatefulSets, and has their pods replaced when they may be.
type rollouts struct {
	client   client.Client
	recorder events.EventRecorder
	now      func() time.Time
	turns    *turns
	workload *workload
}

// apply applies the StatefulSet, which holds the configuration. A change of the
// pods that only comes with the operator waits for its turn, which is a *hold.
func (r *rollouts) apply(ctx context.Context, seen *observation) error {
	c := seen.cluster
	key := client.ObjectKeyFromObject(c)
	want, err := r.workload.wanted(seen)
	if err != nil {
		return err
	}
	before := r.turns.current(seen.statefulSet)
	next, starts := planned(seen, &before, want, r.workload.generation(c), r.now())
	if !starts || next.Cause != byOperator {
		r.turns.giveBack(key)
	} else if w, err := r.turn(ctx, key); err != nil {
		return err
	} else if w != nil {
		return r.waitWith(ctx, seen, &before, r.waits(ctx, &next, w))
	}
	err = r.workload.apply(ctx, seen, want.WithAnnotations(map[string]string{annotationRollout: next.text()}))
	switch {
	case err != nil && !unanswered(err):
		r.turns.giveBack(key)
	case err == nil && want.ResourceVersion != nil:
		if starts && r.workload.generation(c) == seen.statefulSet.Generation { // another text for the same pods
			next.Cause, next.Why, next.Began, next.Ended = before.Cause, before.Why, before.Began, before.Ended
		}
		r.turns.wrote(key, next, *want.ResourceVersion)
		r.tell(ctx, seen, &before, &next)
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

func (r *rollouts) turn(ctx context.Context, key types.NamespacedName) (*wait, error) {
	all := &appsv1.StatefulSetList{}
	if err := r.client.List(ctx, all, client.HasLabels{config.LabelCluster}); err != nil {
		return nil, fmt.Errorf("list stateful sets: %w", err)
	}
	w := r.turns.take(key, all.Items, r.now())
	for _, lapsed := range r.turns.lapsedNow() {
		r.tellLapsed(ctx, lapsed)
	}
	return w, nil
}

// tellLapsed tells that others do not wait for the SIPCluster any more.
func (r *rollouts) tellLapsed(ctx context.Context, key types.NamespacedName) {
	ctrl.LoggerFrom(ctx).Info("A turn has lapsed: others go on", "cluster", key)
	c := &v1alpha1.SIPCluster{}
	if r.client.Get(ctx, key, c) == nil {
		r.recorder.Eventf(c, nil, corev1.EventTypeWarning, v1alpha1.EventTurnLapsed, updating,
			"for %s nothing could be carried out here: other SIPClusters do not wait any longer until its pods are replaced", turnLasts)
	}
}

// waits says what waits, and for whom.
func (r *rollouts) waits(ctx context.Context, next *rollout, w *wait) *hold {
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
func (r *rollouts) waitWith(ctx context.Context, seen *observation, before *rollout, h *hold) error {
	if err := r.end(ctx, seen, before); err != nil {
		return err
	}
	if wanted := desired.Replicas(seen.cluster); podsAsked(seen.statefulSet) != wanted {
		if err := r.patch(ctx, seen, map[string]any{"spec": map[string]any{"replicas": wanted}}); err != nil {
			return err
		}
	}
	return h
}

// end notes that a rollout that was under way is done, where nothing else is applied.
func (r *rollouts) end(ctx context.Context, seen *observation, before *rollout) error {
	if !before.underWay() || !replaced(seen, r.workload.generation(seen.cluster)) {
		return nil
	}
	next := *before
	next.Ended = stamp(r.now())
	if err := r.patch(ctx, seen, map[string]any{"metadata": map[string]any{"annotations": map[string]string{annotationRollout: next.text()}}}); err != nil {
		return err
	}
	r.tell(ctx, seen, before, &next)
	return nil
}

func (r *rollouts) patch(ctx context.Context, seen *observation, change map[string]any) error {
	if !metav1.IsControlledBy(seen.statefulSet, seen.cluster) {
		return foreign(seen.cluster, "StatefulSet", seen.statefulSet)
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

// tell tells by Events that pods are going to be replaced, and that they are.
func (r *rollouts) tell(ctx context.Context, seen *observation, before, next *rollout) {
	c, log := seen.cluster, ctrl.LoggerFrom(ctx)
	switch {
	case next.underWay() && !next.Began.Equal(before.Began):
		who := "the SIPCluster changed"
		switch next.Cause {
		case byOperator:
			who = "it comes with the operator"
		case bySecrets:
			who = "other Secrets have the labels that it selects"
		case byAddress:
			who = "the load balancer has assigned another address"
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

// rolloutChanged passes what may free a turn, or say of a wait for whom it is.
func rolloutChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetAnnotations()[annotationRollout] != e.ObjectNew.GetAnnotations()[annotationRollout]
		},
	}
}
