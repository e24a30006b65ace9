package controllers

import (
	"context"

	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/controllers/desired"
)

// policies are what others are to heed of the pods: how many may be evicted, and who
// may reach them.
type policies struct {
	client client.Client
	writer *writer
}

// applyBudget applies the disruption budget, or removes it where none is wanted.
func (p *policies) applyBudget(ctx context.Context, seen *observation) error {
	c := seen.cluster
	if desired.HasBudget(c) {
		return p.writer.apply(ctx, c, &policyv1.PodDisruptionBudget{}, desired.Budget(c))
	}
	budget, err := found(ctx, p.client, c.Namespace, desired.BudgetName(c.Name), &policyv1.PodDisruptionBudget{})
	if err != nil || budget == nil || !metav1.IsControlledBy(budget, c) {
		return err
	}
	return client.IgnoreNotFound(p.client.Delete(ctx, budget, client.Preconditions{UID: &budget.UID}))
}

// applyNetworkPolicy applies the policy, or removes it where none is wanted.
func (p *policies) applyNetworkPolicy(ctx context.Context, seen *observation) error {
	c := seen.cluster
	want, err := desired.NetworkPolicy(c)
	if err != nil {
		return err
	}
	if want != nil {
		return p.writer.apply(ctx, c, &networkingv1.NetworkPolicy{}, want)
	}
	have, err := found(ctx, p.client, c.Namespace, desired.NetworkPolicyName(c.Name), &networkingv1.NetworkPolicy{})
	if err != nil || have == nil || !metav1.IsControlledBy(have, c) {
		return err
	}
	return client.IgnoreNotFound(p.client.Delete(ctx, have))
}
