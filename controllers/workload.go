package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

// workload is the StatefulSet that runs the proxies.
type workload struct {
	client   client.Client
	recorder events.EventRecorder
	writer   *writer
	image    string // of proxies whose spec names none
	policy   *desired.TemplatePolicy
}

// wanted is the StatefulSet that the SIPCluster asks for.
func (w *workload) wanted(seen *observation) (*appsv1ac.StatefulSetApplyConfiguration, error) {
	if seen.unselected != nil {
		return nil, seen.unselected
	}
	if waitsForShared(seen) {
		return nil, &hold{reason: v1alpha1.ReasonWaitingForAddress, message: sharedAwaited(seen)}
	}
	c := desired.WithShared(desired.WithSelected(seen.cluster, seen.selected), seen.shared)
	if err := desired.CheckCredentials(c); err != nil {
		return nil, &credentialsError{err}
	}
	if err := desired.CheckCertificates(c); err != nil {
		return nil, &certificatesError{err}
	}
	configuration, err := desired.ConfigText(c)
	if err != nil {
		return nil, err
	}
	image := c.Spec.Image
	if image == "" {
		image = w.image
	}
	set, err := desired.StatefulSet(c, image, configuration)
	if err != nil {
		return nil, &templateError{err}
	}
	if c.Spec.Template != nil {
		if err := w.policy.Check(c, set.Spec.Template); err != nil {
			return nil, &templateError{err}
		}
	}
	return set, nil
}

// generation is the StatefulSet's as this process applied it last.
func (w *workload) generation(c *v1alpha1.SIPCluster) int64 {
	return w.writer.applied.generation(client.ObjectKeyFromObject(c), "StatefulSet/"+desired.StatefulSetName(c.Name))
}

// apply applies the StatefulSet. Where a field differs that no update
// may change, it is deleted without its pods and made anew, and the next one
// adopts them.
func (w *workload) apply(ctx context.Context, seen *observation, want *appsv1ac.StatefulSetApplyConfiguration) error {
	c, current := seen.cluster, &appsv1.StatefulSet{}
	exists, err := w.writer.adoption.holder(ctx, c, current, "StatefulSet", *want.Name)
	if err != nil {
		return err
	}
	if exists && !current.DeletionTimestamp.IsZero() {
		return nil // its end is heard of, and then it is made anew
	}
	if exists && otherClaims(current, want) {
		return &claimsError{current.Name}
	}
	if exists && !updatable(current, want) {
		return w.replace(ctx, c, current)
	}
	err = w.writer.apply(ctx, c, &appsv1.StatefulSet{}, want)
	if exists && immutable(err) { // a field that this version does not know to be so
		return w.replace(ctx, c, current)
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

// otherClaims says that volumes are asked for, and that the StatefulSet has others. Made
// anew it could not have its pods, whose volumes cannot change either.
func otherClaims(current *appsv1.StatefulSet, want *appsv1ac.StatefulSetApplyConfiguration) bool {
	if len(want.Spec.VolumeClaimTemplates) == 0 {
		return false
	}
	asked := make([]corev1.PersistentVolumeClaim, len(want.Spec.VolumeClaimTemplates))
	for i := range asked {
		if err := convert(&want.Spec.VolumeClaimTemplates[i], &asked[i]); err != nil {
			return false // applying it tells
		}
	}
	return !slices.EqualFunc(current.Spec.VolumeClaimTemplates, asked, sameClaim)
}

// sameClaim compares what an update may not change, without what the API server fills in.
func sameClaim(have, want corev1.PersistentVolumeClaim) bool {
	mode := corev1.PersistentVolumeFilesystem
	want.Spec.VolumeMode, have.Spec.VolumeMode = cmp.Or(want.Spec.VolumeMode, &mode), cmp.Or(have.Spec.VolumeMode, &mode)
	return have.Name == want.Name && equality.Semantic.DeepEqual(have.Spec, want.Spec) &&
		equality.Semantic.DeepEqual(have.Labels, want.Labels) && equality.Semantic.DeepEqual(have.Annotations, want.Annotations)
}

// immutable finds the API server's word that a StatefulSet's field cannot change.
func immutable(err error) bool {
	return apierrors.IsInvalid(err) && strings.Contains(err.Error(), "updates to statefulset spec for fields other than")
}

func (w *workload) replace(ctx context.Context, c *v1alpha1.SIPCluster, current *appsv1.StatefulSet) error {
	if err := client.IgnoreNotFound(w.client.Delete(ctx, current,
		client.PropagationPolicy(metav1.DeletePropagationOrphan), client.Preconditions{UID: &current.UID})); err != nil {
		return fmt.Errorf("replace StatefulSet %s: %w", current.Name, err)
	}
	ctrl.LoggerFrom(ctx).Info("Replacing the StatefulSet, whose pods stay: a field differs that cannot be changed", "statefulSet", current.Name)
	w.recorder.Eventf(c, nil, corev1.EventTypeNormal, v1alpha1.EventReplaced, "Replace",
		"StatefulSet %s differs in a field that cannot be changed: it is deleted without its pods and made anew", current.Name)
	return nil
}

// podsAsked is how many pods the StatefulSet asks for.
func podsAsked(set *appsv1.StatefulSet) int32 {
	if set.Spec.Replicas == nil {
		return 1 // Kubernetes' default
	}
	return *set.Spec.Replicas
}
