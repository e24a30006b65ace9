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

// TestSubscribersRole: it has what it takes to ask a proxy, is part of no role that
// people have already, and is bound to nobody.
func TestSubscribersRole(t *testing.T) {
	rendered := objects(t)
	role := into[rbacv1.ClusterRole](t, rendered, "ClusterRole/telephony:sipring-operator-subscribers")
	want := []rbacv1.PolicyRule{
		{APIGroups: []string{"sipring.io"}, Resources: []string{"sipclusters"}, Verbs: []string{"get", "list"}},
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list"}},
		{APIGroups: []string{""}, Resources: []string{"pods/exec"}, Verbs: []string{"create", "get"}},
	}
	if d := cmp.Diff(want, role.Rules); d != "" {
		t.Errorf("rules (-want +got):\n%s", d)
	}
	kustomized := &rbacv1.ClusterRole{}
	text, err := os.ReadFile("../config/rbac/subscribers.yaml")
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
		if strings.Contains(key, "Binding/") && strings.Contains(fmt.Sprint(object), "-subscribers") {
			t.Errorf("%s binds it", key)
		}
	}
	if _, ok := objects(t, "--set", "rbac.subscribers=false")["ClusterRole/telephony:sipring-operator-subscribers"]; ok {
		t.Error("it is there though it is turned off")
	}
}
