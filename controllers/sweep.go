package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
)

const (
	// maxSwept bounds what one pass removes; the next goes on.
	maxSwept = 20
	// sweepAgain is when to look again after something was removed: who made it
	// may make it again, and is not to be raced.
	sweepAgain = 5 * time.Second
)

// sweeper removes what others put beside a SIPCluster's endpoints.
type sweeper struct {
	client   client.Client
	live     client.Reader
	recorder events.EventRecorder
}

// sweep removes the endpoints of the client Service that somebody else made, as
// Kubernetes' own controller does once a selector is set, and leaves when it is
// taken out: they send phones to who is no member. It says whether to look again
// soon. thorough asks the API server, for the cache holds only what has our
// label, which that controller copies from the Service.
func (s *sweeper) sweep(ctx context.Context, seen *observation, thorough bool) (again bool, err error) {
	for _, service := range []*corev1.Service{seen.service, seen.tcp} {
		if service == nil || !metav1.IsControlledBy(service, seen.cluster) {
			continue
		}
		soon, failed := s.sweepOne(ctx, seen.cluster, service, thorough)
		again, err = again || soon, errors.Join(err, failed)
	}
	return again, err
}

func (s *sweeper) sweepOne(ctx context.Context, c *v1alpha1.SIPCluster, service *corev1.Service, thorough bool) (again bool, err error) {
	from := client.Reader(s.client)
	if thorough {
		from = s.live
	}
	have := &discoveryv1.EndpointSliceList{}
	if err := from.List(ctx, have, client.InNamespace(c.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: service.Name}); err != nil {
		return false, fmt.Errorf("list endpoint slices: %w", err)
	}
	swept := 0
	var errs []error
	for i := range have.Items {
		slice := &have.Items[i]
		if metav1.IsControlledBy(slice, c) || swept == maxSwept {
			continue
		}
		swept++
		errs = append(errs, s.remove(ctx, c, service.Name, slice))
	}
	return swept > 0 || len(service.Spec.Selector) > 0, errors.Join(errs...)
}

// remove deletes a slice of somebody else's and, where it mirrors an Endpoints
// object, that one too: it would be mirrored anew.
func (s *sweeper) remove(ctx context.Context, c *v1alpha1.SIPCluster, service string, slice *discoveryv1.EndpointSlice) error {
	if by := metav1.GetControllerOf(slice); by != nil && by.Kind == "Endpoints" && by.Name == service {
		e := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: by.Name}}
		e.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Endpoints"))
		if err := client.IgnoreNotFound(s.client.Delete(ctx, e, client.Preconditions{UID: &by.UID})); err != nil {
			return fmt.Errorf("delete Endpoints %s: %w", by.Name, err)
		}
	}
	if err := client.IgnoreNotFound(s.client.Delete(ctx, slice, client.Preconditions{UID: &slice.UID})); err != nil {
		return fmt.Errorf("delete endpoint slice %s: %w", slice.Name, err)
	}
	ctrl.LoggerFrom(ctx).Info("Removed endpoints that somebody else made", "slice", slice.Name, "by", slice.Labels[discoveryv1.LabelManagedBy])
	s.recorder.Eventf(c, nil, corev1.EventTypeWarning, v1alpha1.EventForeignEndpoints, "Sweep",
		"EndpointSlice %s of Service %s is not the operator's and was removed", slice.Name, service)
	return nil
}
