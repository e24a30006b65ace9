package controllers_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
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

// TestChartApplies: what helm renders is accepted too, with each kind of rights.
func TestChartApplies(t *testing.T) {
	api := testapi.Need(t, server)
	helm := helmBinary(t)
	for name, args := range map[string][]string{
		"as it is":         nil,
		"named namespaces": {"--set", "watchNamespaces={default,kube-system}"},
		"everything":       {"--set", "replicas=3,logLevel=debug,priorityClassName=system-cluster-critical,podLabels.a=b,nodeSelector.c=d"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), helm, append([]string{"template", "sipring", "../charts/sipring", "--namespace", "default"}, args...)...)
			rendered, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, rendered)
			}
			api.Kubectl(t, string(rendered), "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-")
		})
	}
}

// TestChartRefuses: the schema catches what cannot be meant.
func TestChartRefuses(t *testing.T) {
	helm := helmBinary(t)
	for name, set := range map[string]string{
		"a misspelt value": "replica=3",
		"no repository":    "image.repository=",
		"half a digest":    "image.digest=sha256:12",
		"a log level":      "logLevel=trace",
		"a duration":       "leaderElection.lease=soon",
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), helm, "template", "sipring", "../charts/sipring", "--set", set).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "schema") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestChartHoldsWhatIsGenerated: the chart's copies are those of config.
func TestChartHoldsWhatIsGenerated(t *testing.T) {
	for from, to := range map[string]string{
		"../config/crd/bases/sipring.io_sipclusters.yaml": "../charts/sipring/files/crd.yaml",
		"../config/rbac/role.yaml":                        "../charts/sipring/files/role.yaml",
	} {
		want, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, got) {
			t.Errorf("%s is not %s: run make generate", to, from)
		}
	}
}

func helmBinary(t *testing.T) string {
	t.Helper()
	built, err := filepath.Abs("../bin/helm")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(built); err == nil {
		return built
	}
	path, err := exec.LookPath("helm")
	if err != nil {
		t.Skip("needs helm: run hack/tools/install.sh helm")
	}
	return path
}
