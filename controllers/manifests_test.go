package controllers_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/controllers/testapi"
)

// TestManifestsApply: what a user applies is accepted by a real API server.
func TestManifestsApply(t *testing.T) {
	api := testapi.Need(t, server)
	out := api.Kubectl(t, "", "apply", "--server-side", "--force-conflicts", "-k", "../config/default")
	if !strings.Contains(out, "customresourcedefinition.apiextensions.k8s.io/sipclusters.sipring.io") {
		t.Errorf("no CRD in\n%s", out)
	}
	d := &appsv1.Deployment{}
	if err := api.Client.Get(t.Context(), client.ObjectKey{Namespace: "sipring-system", Name: "sipring-operator"}, d); err != nil {
		t.Fatal(err)
	}
	operator := d.Spec.Template.Spec.Containers[0]
	if operator.Env[0].Value != operator.Image {
		t.Errorf("proxies run %s, the operator %s", operator.Env[0].Value, operator.Image)
	}
	api.Kubectl(t, "", "apply", "--dry-run=server", "-k", "../config/samples")
}
