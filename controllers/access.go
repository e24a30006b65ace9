package controllers

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/sipring/sipring/controllers/desired"
	"github.com/sipring/sipring/proxy/config"
)

// access is the proxies' account, and what it may do.
type access struct{ writer *writer }

func (a *access) apply(ctx context.Context, seen *observation) error {
	c := seen.cluster
	return errors.Join(
		a.writer.apply(ctx, c, &corev1.ServiceAccount{}, desired.ServiceAccount(c)),
		a.writer.apply(ctx, c, &rbacv1.Role{}, desired.Role(c, names(seen))),
		a.writer.apply(ctx, c, &rbacv1.RoleBinding{}, desired.RoleBinding(c)))
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
