package controllers

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// roleText is config/rbac/role.yaml: what the operator may do, made from the
// markers in watches.go.
//
//go:embed role.yaml
var roleText []byte

// rightsRetry is how long the operator waits before it looks again for rights that
// it lacks; rightsTimeout is how long one look may take.
const (
	rightsRetry   = 5 * time.Second
	rightsTimeout = 30 * time.Second
)

// needed are the rights that the operator needs: of the whole cluster where no
// namespaces are named.
func needed(namespaces []string) ([]authorizationv1.ResourceAttributes, error) {
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(roleText, role); err != nil {
		return nil, fmt.Errorf("role.yaml: %w", err)
	}
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	var all []authorizationv1.ResourceAttributes
	for _, rule := range role.Rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				in := namespaces
				if resource == "nodes" {
					in = []string{""}
				}
				for _, verb := range rule.Verbs {
					for _, namespace := range in {
						a := authorizationv1.ResourceAttributes{Namespace: namespace, Group: group, Verb: verb}
						a.Resource, a.Subresource, _ = strings.Cut(resource, "/")
						all = append(all, a)
					}
				}
			}
		}
	}
	return all, nil
}

// missing are those of the rights that the operator does not have, in words.
func missing(ctx context.Context, to client.Client, rights []authorizationv1.ResourceAttributes) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, rightsTimeout)
	defer cancel()
	var lacking []string
	for _, a := range rights {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &a}}
		if err := to.Create(ctx, review); err != nil {
			return nil, fmt.Errorf("ask which rights there are: %w", err)
		}
		if !review.Status.Allowed {
			lacking = append(lacking, inWords(a))
		}
	}
	slices.Sort(lacking)
	return slices.Compact(lacking), nil
}

// inWords is a right such as "list pods in namespace east".
func inWords(a authorizationv1.ResourceAttributes) string {
	what := a.Resource
	if a.Subresource != "" {
		what += "/" + a.Subresource
	}
	if a.Group != "" {
		what += "." + a.Group
	}
	where := "in every namespace"
	switch {
	case a.Resource == "nodes", a.Resource == "namespaces" && a.Namespace == "":
		where = "of the cluster"
	case a.Namespace != "":
		where = "in namespace " + a.Namespace
	}
	return a.Verb + " " + what + " " + where
}

// awaitRights returns once the operator has the rights, or with the context's
// error. Meanwhile what is missing is given to tell, again where it changed. Where
// the API server does not say who may do what, as for lack of a right to ask, the
// rights are taken to be there.
func awaitRights(ctx context.Context, to client.Client, rights []authorizationv1.ResourceAttributes, tell func(lacking string)) error {
	log := ctrl.LoggerFrom(ctx).WithName("rights")
	told := ""
	for {
		lacking, err := missing(ctx, to, rights)
		said := strings.Join(lacking, ", ")
		switch {
		case apierrors.IsForbidden(err):
			log.Info("It cannot be known whether the operator has its rights", "error", err)
			return nil
		case err != nil && ctx.Err() == nil:
			said = err.Error()
		case err == nil && len(lacking) == 0:
			tell("")
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if said != told {
			log.Info("The operator lacks rights, and does not lead until it has them", "lacking", said)
			told = said
		}
		tell(said)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rightsRetry):
		}
	}
}
