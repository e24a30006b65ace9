package v1alpha1_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/controllers/testapi"
)

// shown is what the README shows: the manifest of its first block, and the lines
// below `kubectl get sipclusters` in its second.
func shown(t *testing.T) (manifest string, lines []string) {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	manifest, rest, _ = strings.Cut(rest, "```")
	_, rest, _ = strings.Cut(rest, "$ kubectl get sipclusters\n")
	table, _, ok := strings.Cut(rest, "\n```")
	if !ok {
		t.Fatal("README.md shows no manifest, or no kubectl get sipclusters")
	}
	return manifest, strings.Split(table, "\n")
}

// TestReadmeShowsWhatKubectlPrints: the README's manifest, once it runs, prints
// the README's table, but for the age.
func TestReadmeShowsWhatKubectlPrints(t *testing.T) {
	api := testapi.Need(t, server)
	text, want := shown(t)
	c := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &c.Object); err != nil {
		t.Fatal(err)
	}
	c.SetNamespace("default")
	if err := api.Client.Create(t.Context(), c, client.FieldValidation("Strict")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := api.Client.Delete(context.Background(), c); err != nil {
			t.Error(err)
		}
	})
	status := `{"status": {"epoch": 4, "activeMembers": 3, "totalMembers": 3, "addresses": [{"type": "IPAddress", "value": "203.0.113.5"}], "conditions": [
		{"type": "Ready", "status": "True", "reason": "Serving", "message": "", "lastTransitionTime": "2024-01-01T00:00:00Z"}]}}`
	if err := api.Client.Status().Patch(t.Context(), c, client.RawPatch("application/merge-patch+json", []byte(status))); err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(api.Kubectl(t, "", "--namespace", "default", "get", "sipclusters")), "\n")
	if d := cmp.Diff(withoutAge(want), withoutAge(got)); d != "" {
		t.Errorf("kubectl get sipclusters (-README +printed):\n%s", d)
	}
}

// withoutAge is the fields of each line but the last: below AGE stands a time.
func withoutAge(lines []string) [][]string {
	var out [][]string
	for i, line := range lines {
		fields := strings.Fields(line)
		if i > 0 && len(fields) > 0 {
			fields = fields[:len(fields)-1]
		}
		out = append(out, fields)
	}
	return out
}
