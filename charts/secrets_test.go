package charts_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// listers are the roles with which Secrets can be listed or watched, as "namespace/name".
func listers(t *testing.T, args ...string) (all []string) {
	t.Helper()
	for key, u := range objects(t, args...) {
		if !strings.HasPrefix(key, "Role/") && !strings.HasPrefix(key, "ClusterRole/") {
			continue
		}
		role := &rbacv1.ClusterRole{} // which has all that a Role has
		if err := yaml.Unmarshal([]byte(marshalled(t, u.Object)), role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			secrets := slices.ContainsFunc(rule.Resources, func(r string) bool { return r == "secrets" || r == "*" })
			lists := slices.ContainsFunc(rule.Verbs, func(v string) bool { return v == "list" || v == "watch" || v == "*" })
			if secrets && lists {
				all = append(all, u.GetNamespace()+"/"+u.GetName())
			}
		}
	}
	slices.Sort(all)
	return all
}

// TestSecretsAreListedWhereAsked: the operator may list Secrets in the namespaces that
// are named for it, and nowhere else. Without them it may not.
func TestSecretsAreListedWhereAsked(t *testing.T) {
	for name, tt := range map[string]struct {
		set  string
		want []string
	}{
		"as it is":                {set: "logLevel=info"},
		"named namespaces":        {set: "watchNamespaces={east,west}"},
		"one of all":              {set: "rbac.secretSelectorNamespaces={east}", want: []string{"east/sipring-operator-secret-selector"}},
		"one of named namespaces": {set: "watchNamespaces={east,west},rbac.secretSelectorNamespaces={west}", want: []string{"west/sipring-operator-secret-selector"}},
	} {
		got := listers(t, "--set", tt.set)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		if len(got) == 0 {
			continue
		}
		rendered := objects(t, "--set", tt.set)
		role := into[rbacv1.Role](t, rendered, "Role/sipring-operator-secret-selector")
		if d := cmp.Diff([]rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"list"}}}, role.Rules); d != "" {
			t.Errorf("%s: more than to list them (-want +got):\n%s", name, d)
		}
		binding := into[rbacv1.RoleBinding](t, rendered, "RoleBinding/sipring-operator-secret-selector")
		if binding.Namespace != role.Namespace || binding.RoleRef.Name != role.Name || binding.Subjects[0].Name != "sipring-operator" || binding.Subjects[0].Namespace != "telephony" {
			t.Errorf("%s: bound is %+v", name, binding)
		}
	}
}
