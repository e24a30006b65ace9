package charts_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// TestRolesOfPeople: those for who asks proxies have what that takes, are part of no
// role that people have already, and are bound to nobody.
func TestRolesOfPeople(t *testing.T) {
	rule := func(group, resources, verbs string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: strings.Fields(resources), Verbs: strings.Fields(verbs)}
	}
	for kind, want := range map[string][]rbacv1.PolicyRule{
		"observers": {
			rule("sipring.io", "sipclusters", "get list"),
			rule("", "pods events", "get list"),
			rule("", "pods/proxy", "get"),
			rule("coordination.k8s.io", "leases", "get"),
		},
		"subscribers": {
			rule("sipring.io", "sipclusters", "get list"),
			rule("", "pods", "get list"),
			rule("", "pods/exec", "create get"),
			rule("coordination.k8s.io", "leases", "get"),
		},
	} {
		t.Run(kind, func(t *testing.T) {
			rendered := objects(t)
			role := into[rbacv1.ClusterRole](t, rendered, "ClusterRole/telephony:sipring-operator-"+kind)
			if d := cmp.Diff(want, role.Rules); d != "" {
				t.Errorf("rules (-want +got):\n%s", d)
			}
			kustomized := &rbacv1.ClusterRole{}
			text, err := os.ReadFile("../config/rbac/" + kind + ".yaml")
			if err == nil {
				err = yaml.UnmarshalStrict(text, kustomized)
			}
			if d := cmp.Diff(want, kustomized.Rules); err != nil || d != "" {
				t.Errorf("of config/rbac: %v (-want +got):\n%s", err, d)
			}
			for name := range role.Labels {
				if strings.Contains(name, "aggregate") {
					t.Errorf("it is part of a role: %s", name)
				}
			}
			for key, object := range rendered {
				if strings.Contains(key, "Binding/") && strings.Contains(fmt.Sprint(object), "-"+kind) {
					t.Errorf("%s binds it", key)
				}
			}
			if _, ok := objects(t, "--set", "rbac."+kind+"=false")["ClusterRole/telephony:sipring-operator-"+kind]; ok {
				t.Error("it is there though it is turned off")
			}
		})
	}
}
