package controllers_test

import (
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
)

// TestProxyPermissions: a proxy's account may do what a proxy does, and no more.
func TestProxyPermissions(t *testing.T) {
	b := newBench(t)
	b.begin()
	const leases, core = "coordination.k8s.io", ""
	tests := map[string]struct {
		verb, group, resource, name string
		allowed                     bool
	}{
		"watch the member set":       {"watch", core, "configmaps", "ring-members", true},
		"list the member set":        {"list", core, "configmaps", "ring-members", true},
		"get the member set":         {"get", core, "configmaps", "ring-members", true},
		"write the member set":       {"patch", core, "configmaps", "ring-members", false},
		"another ConfigMap":          {"get", core, "configmaps", "ring", false},
		"every ConfigMap":            {"list", core, "configmaps", "", false},
		"create its Lease":           {"create", leases, "leases", "", true},
		"write a Lease of a pod":     {"patch", leases, "leases", "ring-2", true},
		"write a Lease of no pod":    {"patch", leases, "leases", "ring-3", false},
		"write the operators' Lease": {"patch", leases, "leases", "sipring-operator", false},
		"delete a Lease":             {"delete", leases, "leases", "ring-0", false},
		"read the keys by the API":   {"get", core, "secrets", "ring-keys", false},
		"see pods":                   {"list", core, "pods", "", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: "system:serviceaccount:" + b.ns + ":ring-proxy",
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: b.ns, Verb: tt.verb, Group: tt.group, Resource: tt.resource, Name: tt.name,
				},
			}}
			b.ok(b.client.Create(t.Context(), review))
			if review.Status.Allowed != tt.allowed {
				t.Errorf("allowed %v, want %v", review.Status.Allowed, tt.allowed)
			}
		})
	}
}
