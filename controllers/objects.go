package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// fault is something that could not be carried out. reason is one of
// ConditionDegraded, empty where trying again is expected to help.
type fault struct {
	reason string
	err    error
}

// stalls says that trying again does not help: what was asked for is refused, or
// somebody else's object is in the way.
func (f fault) stalls() bool {
	switch f.reason {
	case v1alpha1.ReasonReadFailed, v1alpha1.ReasonPublishFailed, v1alpha1.ReasonApplyFailed:
		return refused(f.err)
	}
	return f.reason != ""
}

// refused finds the API server's refusal in an error, which may join several.
func refused(err error) bool {
	var several interface{ Unwrap() []error }
	if errors.As(err, &several) {
		return slices.ContainsFunc(several.Unwrap(), refused)
	}
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err)
}

// outcome is what a pass did: what it could not carry out, what it held back, if
// anything, and the generation of the StatefulSet that it asked for, which the cache
// may not show yet.
type outcome struct {
	faults     []fault
	held       *hold
	generation int64
}

// step applies one object.
type step struct {
	name  string
	apply func(context.Context, *observation) error
}

// apply carries out everything but what Publish does, or with spec.paused what
// publishing rests on. A step that fails does not hold up those after it, save that
// pods are not started on half a foundation, and that an API server that does not
// answer is not asked again in the same pass.
func (r *Reconciler) apply(ctx context.Context, seen *observation) (faults []fault, held *hold) {
	late := false
	run := func(steps ...step) {
		for _, s := range steps {
			if late {
				return
			}
			if err := s.apply(ctx, seen); err != nil && !errors.As(err, &held) {
				faults = append(faults, classify(fmt.Errorf("%s: %w", s.name, err), v1alpha1.ReasonApplyFailed))
				late = isLate(err)
			}
		}
	}
	if seen.cluster.Spec.Paused {
		run(step{"trust", r.applyTrust}, step{"pause", r.keep})
		return faults, held
	}
	run(
		step{"keys", r.applyKeys},
		step{"trust", r.applyTrust},
		step{"access", r.applyAccess},
		step{"services", r.applyServices},
		step{"disruption budget", r.applyBudget},
		step{"network policy", r.applyNetworkPolicy},
	)
	if len(faults) == 0 || seen.statefulSet != nil {
		run(step{"stateful set", r.applyPods})
	}
	return faults, held
}

func (r *Reconciler) applyAccess(ctx context.Context, seen *observation) error {
	c := seen.cluster
	return errors.Join(
		r.applyOne(ctx, c, &corev1.ServiceAccount{}, desired.ServiceAccount(c)),
		r.applyOne(ctx, c, &rbacv1.Role{}, desired.Role(c, names(seen))),
		r.applyOne(ctx, c, &rbacv1.RoleBinding{}, desired.RoleBinding(c)))
}

// names is how many pods there are or will be: those that are to go still write
// their Leases.
func names(seen *observation) int32 {
	n := desired.Replicas(seen.cluster)
	for i := range seen.pods {
		if ordinal, ok := desired.Ordinal(seen.cluster.Name, seen.pods[i].Name); ok {
			n = max(n, min(ordinal+1, config.MaxMembers))
		}
	}
	return n
}

func (r *Reconciler) applyServices(ctx context.Context, seen *observation) error {
	c := seen.cluster
	return errors.Join(
		r.applyService(ctx, c, desired.ClientService(c)),
		r.applyService(ctx, c, desired.PeerService(c)))
}

// applyService applies a Service after taking out what somebody else put into
// it. Server-side apply leaves others' fields alone; but a selector would bring
// endpoints that are not ours, and a port of our name keeps ours out.
func (r *Reconciler) applyService(ctx context.Context, c *v1alpha1.SIPCluster, want *corev1ac.ServiceApplyConfiguration) error {
	current := &corev1.Service{}
	exists, err := r.holder(ctx, c, current, "Service", *want.Name)
	if err != nil {
		return err
	}
	if exists && !asWanted(current, want.Spec) {
		patch, err := json.Marshal(map[string]any{"spec": map[string]any{"selector": selectorPatch(current, want.Spec), "ports": want.Spec.Ports}})
		if err != nil {
			return err
		}
		ctrl.LoggerFrom(ctx).Info("Repairing a Service that somebody changed", "service", current.Name)
		if err := r.client.Patch(ctx, current, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(desired.FieldOwner)); err != nil {
			return fmt.Errorf("repair Service %s: %w", current.Name, err)
		}
	}
	return r.applyOne(ctx, c, &corev1.Service{}, want)
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

func (r *Reconciler) applyBudget(ctx context.Context, seen *observation) error {
	c := seen.cluster
	if desired.HasBudget(c) {
		return r.applyOne(ctx, c, &policyv1.PodDisruptionBudget{}, desired.Budget(c))
	}
	budget, err := found(ctx, r.client, c.Namespace, desired.BudgetName(c.Name), &policyv1.PodDisruptionBudget{})
	if err != nil || budget == nil || !metav1.IsControlledBy(budget, c) {
		return err
	}
	return client.IgnoreNotFound(r.client.Delete(ctx, budget, client.Preconditions{UID: &budget.UID}))
}

// applyNetworkPolicy applies the policy, or removes it where none is wanted.
func (r *Reconciler) applyNetworkPolicy(ctx context.Context, seen *observation) error {
	c := seen.cluster
	want, err := desired.NetworkPolicy(c)
	if err != nil {
		return err
	}
	if want != nil {
		return r.applyOne(ctx, c, &networkingv1.NetworkPolicy{}, want)
	}
	have, err := found(ctx, r.client, c.Namespace, desired.NetworkPolicyName(c.Name), &networkingv1.NetworkPolicy{})
	if err != nil || have == nil || !metav1.IsControlledBy(have, c) {
		return err
	}
	return client.IgnoreNotFound(r.client.Delete(ctx, have))
}

// applyKeys creates the keys before there are pods. Once there are, a new key
// would part old proxies from new ones, so a loss is reported and not mended.
func (r *Reconciler) applyKeys(ctx context.Context, seen *observation) error {
	c := seen.cluster
	secret, err := found(ctx, r.live, c.Namespace, desired.KeysName(c.Name), &corev1.Secret{})
	if err != nil {
		return err
	}
	if secret != nil {
		if by := metav1.GetControllerOf(secret); by != nil && by.UID != c.UID {
			return foreign("Secret", secret)
		}
		if _, err := config.ParseKeys(secret.Data[config.KeysKey]); err != nil {
			return &keysError{fmt.Errorf("%s of Secret %s: %w: restore it, or scale to 0, delete it and scale up again", config.KeysKey, secret.Name, err)}
		}
		return nil
	}
	if len(seen.pods) > 0 {
		return &keysError{fmt.Errorf("the Secret %s is gone while pods hold its keys: restore it, or scale to 0 and up again for new keys", desired.KeysName(c.Name))}
	}
	if secret, err = desired.Secret(c, config.NewKeys()); err != nil {
		return err
	}
	return r.client.Create(ctx, secret, client.FieldOwner(desired.FieldOwner))
}

type templateError struct{ error }

func (e *templateError) Unwrap() error { return e.error }

type keysError struct{ error }

func (e *keysError) Unwrap() error { return e.error }

// classify gives a fault its reason: otherwise where the error has none of its own.
func classify(err error, otherwise string) fault {
	var byOthers *ForeignError
	var template *templateError
	var keys *keysError
	switch {
	case errors.As(err, &byOthers):
		return fault{v1alpha1.ReasonNameConflict, err}
	case errors.As(err, &keys):
		return fault{v1alpha1.ReasonKeysUnusable, err}
	case errors.As(err, &template):
		return fault{v1alpha1.ReasonInvalidTemplate, err}
	case strings.Contains(err.Error(), "port is already allocated"):
		return fault{v1alpha1.ReasonPortClash, err}
	case apierrors.IsInvalid(err):
		return fault{v1alpha1.ReasonApplyFailed, err}
	case apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsServerTimeout(err) ||
		apierrors.IsTooManyRequests(err) || errors.Is(err, context.Canceled):
		return fault{"", err}
	}
	return fault{otherwise, err}
}
