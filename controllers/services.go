package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
)

// services are the one that phones use, and that of the members among themselves.
type services struct {
	client client.Client
	writer *writer
}

func (s *services) apply(ctx context.Context, seen *observation) error {
	c := seen.cluster
	return errors.Join(
		s.applyOne(ctx, c, desired.ClientService(c)),
		s.applyTCP(ctx, c),
		s.applyOne(ctx, c, desired.PeerService(c)))
}

// applyTCP applies the Service of what TCP carries, or removes it where there is to be
// none.
func (s *services) applyTCP(ctx context.Context, c *v1alpha1.SIPCluster) error {
	if want := desired.TCPService(c); want != nil {
		return s.applyOne(ctx, c, want)
	}
	have, err := found(ctx, s.client, c.Namespace, desired.TCPServiceName(c.Name), &corev1.Service{})
	if err != nil || have == nil || !metav1.IsControlledBy(have, c) {
		return err
	}
	return client.IgnoreNotFound(s.client.Delete(ctx, have, client.Preconditions{UID: &have.UID}))
}

// applyOne applies a Service after taking out what somebody else put into
// it. Server-side apply leaves others' fields alone; but a selector would bring
// endpoints that are not ours, and a port of our name keeps ours out.
func (s *services) applyOne(ctx context.Context, c *v1alpha1.SIPCluster, want *corev1ac.ServiceApplyConfiguration) error {
	current := &corev1.Service{}
	exists, err := s.writer.adoption.holder(ctx, c, current, "Service", *want.Name)
	if err != nil {
		return err
	}
	if exists && !asWanted(current, want.Spec) {
		patch, err := json.Marshal(map[string]any{"spec": map[string]any{"selector": selectorPatch(current, want.Spec), "ports": want.Spec.Ports}})
		if err != nil {
			return err
		}
		ctrl.LoggerFrom(ctx).Info("Repairing a Service that somebody changed", "service", current.Name)
		if err := s.client.Patch(ctx, current, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(desired.FieldOwner)); err != nil {
			return fmt.Errorf("repair Service %s: %w", current.Name, err)
		}
	}
	return s.writer.apply(ctx, c, &corev1.Service{}, want)
}

// selectorPatch makes the selector the wanted one: null takes a key out.
func selectorPatch(s *corev1.Service, want *corev1ac.ServiceSpecApplyConfiguration) map[string]any {
	patch := map[string]any{}
	for key := range s.Spec.Selector {
		patch[key] = nil
	}
	for key, value := range want.Selector {
		patch[key] = value
	}
	return patch
}

// asWanted says that the Service has the wanted selector and no port but ours.
func asWanted(s *corev1.Service, want *corev1ac.ServiceSpecApplyConfiguration) bool {
	if !maps.Equal(s.Spec.Selector, want.Selector) {
		return false
	}
	return !slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool {
		return !slices.ContainsFunc(want.Ports, func(w corev1ac.ServicePortApplyConfiguration) bool {
			return p.Name == *w.Name && p.Port == *w.Port && p.Protocol == *w.Protocol
		})
	})
}
