package controllers

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
)

// applyStatefulSet applies the StatefulSet. Where a field differs that no update
// may change, it is deleted without its pods and made anew, and the next one
// adopts them.
func (r *Reconciler) applyStatefulSet(ctx context.Context, seen *observation, want *appsv1ac.StatefulSetApplyConfiguration) error {
	c, current := seen.cluster, &appsv1.StatefulSet{}
	exists, err := r.holder(ctx, c, current, "StatefulSet", *want.Name)
	if err != nil {
		return err
	}
	if exists && !current.DeletionTimestamp.IsZero() {
		return nil // its end is heard of, and then it is made anew
	}
	if exists && !updatable(current, want) {
		return r.replace(ctx, c, current)
	}
	err = r.applyOne(ctx, c, &appsv1.StatefulSet{}, want)
	if exists && immutable(err) { // a field that this version does not know to be so
		return r.replace(ctx, c, current)
	}
	return err
}

// updatable says that no field differs that an update may not change.
func updatable(current *appsv1.StatefulSet, want *appsv1ac.StatefulSetApplyConfiguration) bool {
	selector := &metav1.LabelSelector{}
	if err := convert(want.Spec.Selector, selector); err != nil {
		return true // applying it tells
	}
	return current.Spec.ServiceName == *want.Spec.ServiceName &&
		current.Spec.PodManagementPolicy == *want.Spec.PodManagementPolicy &&
		equality.Semantic.DeepEqual(current.Spec.Selector, selector) &&
		len(current.Spec.VolumeClaimTemplates) == len(want.Spec.VolumeClaimTemplates)
}

// immutable finds the API server's word that a StatefulSet's field cannot change.
func immutable(err error) bool {
	return apierrors.IsInvalid(err) && strings.Contains(err.Error(), "updates to statefulset spec for fields other than")
}

func (r *Reconciler) replace(ctx context.Context, c *v1alpha1.SIPCluster, current *appsv1.StatefulSet) error {
	if err := client.IgnoreNotFound(r.client.Delete(ctx, current,
		client.PropagationPolicy(metav1.DeletePropagationOrphan), client.Preconditions{UID: &current.UID})); err != nil {
		return fmt.Errorf("replace StatefulSet %s: %w", current.Name, err)
	}
	ctrl.LoggerFrom(ctx).Info("Replacing the StatefulSet, whose pods stay: a field differs that cannot be changed", "statefulSet", current.Name)
	r.recorder.Eventf(c, nil, corev1.EventTypeNormal, v1alpha1.EventReplaced, "Replace",
		"StatefulSet %s differs in a field that cannot be changed: it is deleted without its pods and made anew", current.Name)
	return nil
}
