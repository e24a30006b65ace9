package charts_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// oldest is the oldest Kubernetes whose API server takes the CRD: isIP and the
// like in validation rules came with 1.30, and an API server takes for a new CRD
// only what the version before its own knew too.
const oldest = "1.31"

func TestChartRefusesAnOlderKubernetes(t *testing.T) {
	helm(t, "template", "sipring", "sipring", "--kube-version", oldest+".0")
	helm(t, "template", "sipring", "sipring", "--kube-version", oldest+".0-eks-1234567")
	out, err := exec.CommandContext(t.Context(), helmBinary(t), "template", "sipring", "sipring", "--kube-version", "1.30.14").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "kubeVersion: >="+oldest) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestDocsNameTheOldestKubernetes(t *testing.T) {
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if want := "Kubernetes " + oldest + " or later"; !strings.Contains(string(text), want) {
			t.Errorf("%s does not say %q", page, want)
		}
	}
}
