package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// publish writes the member set, if it is a new one, or one that not all of the
// keys have signed. since is when the news that
// led here came in; zero where that is not known.
func (r *Reconciler) publish(ctx context.Context, seen *observation, d *membership.Result, since time.Time) error {
	if !d.Changed && seen.signer.covers(seen.record.set) {
		return nil
	}
	if err := r.publishSet(ctx, seen, d.Set); err != nil {
		return fmt.Errorf("publish the member set of epoch %d: %w", d.Set.Epoch, err)
	}
	if !d.Changed {
		return nil
	}
	if !since.IsZero() {
		r.metrics.publishSeconds.Observe(r.now().Sub(since).Seconds())
	}
	r.announce(ctx, seen, d)
	return nil
}

// publishSet writes onto the very version that the decision was made from, or
// creates; anything else is a conflict.
func (r *Reconciler) publishSet(ctx context.Context, seen *observation, set *config.MemberSet) error {
	set, err := seen.signer.sign(set)
	if err != nil {
		return err
	}
	want, err := desired.MembersConfigMap(seen.cluster, set, seen.record.resourceVersion)
	if err != nil {
		return err
	}
	if seen.record.resourceVersion != "" {
		if err := r.client.Apply(ctx, want, client.FieldOwner(desired.FieldOwner), client.ForceOwnership); err != nil {
			return err
		}
		r.remember(seen, set, *want.ResourceVersion)
		return nil
	}
	cm := &corev1.ConfigMap{}
	if err := convert(want, cm); err != nil {
		return err
	}
	if err := r.client.Create(ctx, cm, client.FieldOwner(desired.FieldOwner)); err != nil {
		return err
	}
	r.remember(seen, set, cm.ResourceVersion)
	return nil
}

// remember notes what was written, and that the keys have signed something.
func (r *Reconciler) remember(seen *observation, set *config.MemberSet, resourceVersion string) {
	r.records.remember(seen.cluster, set, resourceVersion)
	now := *seen.signer
	now.fresh = false
	r.signers.remember(seen.cluster, now)
}

// convert goes from an apply configuration to its typed object.
func convert(from, to any) error {
	text, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, to)
}

// publishSlices applies the slices that are wanted and removes the others.
func (r *Reconciler) publishSlices(ctx context.Context, seen *observation, endpoints []membership.Endpoint) error {
	wanted := map[string]bool{}
	for _, s := range desired.EndpointSlices(seen.cluster, seen.service, seen.pods, endpoints) {
		wanted[*s.Name] = true
		if err := r.applyOne(ctx, seen.cluster, &discoveryv1.EndpointSlice{}, s); err != nil {
			return err
		}
	}
	have := &discoveryv1.EndpointSliceList{}
	if err := r.client.List(ctx, have, client.InNamespace(seen.cluster.Namespace), client.MatchingLabels{
		discoveryv1.LabelServiceName: desired.ClientServiceName(seen.cluster.Name),
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
		if err := client.IgnoreNotFound(r.client.Delete(ctx, s)); err != nil {
			return fmt.Errorf("delete endpoint slice %s: %w", s.Name, err)
		}
	}
	return nil
}
