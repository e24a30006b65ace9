package controllers

import (
	"context"
	"errors"
	"fmt"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/membership"
)

// endpoints publishes the EndpointSlices of the client Service.
type endpoints struct {
	client client.Client
	writer *writer
}

// publish applies the slices that are wanted and removes the others.
func (e *endpoints) publish(ctx context.Context, seen *observation, all []membership.Endpoint) error {
	wanted := map[string]bool{}
	for _, s := range desired.EndpointSlices(seen.cluster, seen.service, seen.pods, all) {
		wanted[*s.Name] = true
		if err := e.writer.apply(ctx, seen.cluster, &discoveryv1.EndpointSlice{}, s); err != nil {
			return err
		}
	}
	return errors.Join(
		e.prune(ctx, seen, desired.ClientServiceName(seen.cluster.Name), wanted),
		e.prune(ctx, seen, desired.TCPServiceName(seen.cluster.Name), wanted))
}

// prune removes the slices of a Service that are not wanted.
func (e *endpoints) prune(ctx context.Context, seen *observation, service string, wanted map[string]bool) error {
	have := &discoveryv1.EndpointSliceList{}
	if err := e.client.List(ctx, have, client.InNamespace(seen.cluster.Namespace), client.MatchingLabels{
		discoveryv1.LabelServiceName: service,
		discoveryv1.LabelManagedBy:   desired.SlicesManagedBy,
	}); err != nil {
		return fmt.Errorf("list endpoint slices: %w", err)
	}
	for i := range have.Items {
		s := &have.Items[i]
		if wanted[s.Name] || !metav1.IsControlledBy(s, seen.cluster) {
			continue
		}
		ctrl.LoggerFrom(ctx).Info("Removing an endpoint slice that nobody is in", "slice", s.Name)
		if err := client.IgnoreNotFound(e.client.Delete(ctx, s)); err != nil {
			return fmt.Errorf("delete endpoint slice %s: %w", s.Name, err)
		}
	}
	return nil
}
