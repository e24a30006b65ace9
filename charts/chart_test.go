package charts_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/sipring/sipring/controllers/testapi"
	"github.com/sipring/sipring/proxy/command"
)

var server *testapi.Server

// child in the environment makes the test binary a proxy of the demo's.
const child = "SIPRING_CHARTS_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		root := &cobra.Command{Use: "sipring", SilenceUsage: true}
		root.AddCommand(command.Proxy())
		if root.Execute() != nil {
			os.Exit(1)
		}
		return
	}
	ctrl.SetLogger(logr.Discard())
	os.Exit(testapi.Run(m, func(s *testapi.Server) { server = s }))
}

// TestChartApplies: what helm renders is accepted too, with each kind of rights.
func TestChartApplies(t *testing.T) {
	api := testapi.Need(t, server)
	for name, args := range map[string][]string{
		"as it is":         nil,
		"named namespaces": {"--set", "watchNamespaces={default}"},
		"listed Secrets":   {"--set", "rbac.secretSelectorNamespaces={default}"},
		"everything":       {"--set", "replicas=3,logLevel=debug,priorityClassName=system-cluster-critical,podLabels.a=b,nodeSelector.c=d"},
	} {
		t.Run(name, func(t *testing.T) {
			api.Kubectl(t, helm(t, append([]string{"template", "sipring", "sipring", "--namespace", "default"}, args...)...), "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-")
		})
	}
}

// TestChartRefuses: the schema catches what cannot be meant.
func TestChartRefuses(t *testing.T) {
	binary := helmBinary(t)
	for name, set := range map[string]string{
		"a misspelt value": "replica=3",
		"no repository":    "image.repository=",
		"half a digest":    "image.digest=sha256:12",
		"a log level":      "logLevel=trace",
		"a duration":       "leaderElection.lease=soon",
		"an interval":      "metrics.podMonitor.interval=often",
		"yes or no":        "metrics.serviceMonitor.enabled=maybe",
		"a number in env":  "extraEnv[0].name=A,extraEnv[0].value=1",
		"misspelt limits":  "resources.limit.cpu=1",
	} {
		t.Run(name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), binary, "template", "sipring", "sipring", "--set", set).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "schema") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestChartHoldsWhatIsGenerated: the chart's copies are those of config.
func TestChartHoldsWhatIsGenerated(t *testing.T) {
	for from, to := range map[string]string{
		"../config/crd/bases/sipring.io_sipclusters.yaml": "sipring/files/crd.yaml",
		"../config/rbac/role.yaml":                        "sipring/files/role.yaml",
		"../config/rbac/leases.yaml":                      "sipring/files/leases.yaml",
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

// helm runs helm and returns its output.
func helm(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), helmBinary(t), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
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
		t.Fatal("needs helm: run make test, or hack/tools/install.sh helm")
	}
	return path
}
