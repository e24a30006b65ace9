package charts_test

import (
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/testapi"
)

// notes is what an installation prints at its end, and its objects before it.
func notes(t *testing.T, args ...string) (objects, text string) {
	t.Helper()
	out := helm(t, append([]string{"install", "phones", "sipring", "--dry-run=client"}, args...)...)
	objects, text, ok := strings.Cut(out, "\nNOTES:\n")
	if !ok {
		t.Fatalf("no notes in\n%s", out)
	}
	return objects, text
}

// firstCluster is the manifest in the notes, without the shell around it.
func firstCluster(t *testing.T, text string) string {
	t.Helper()
	found := regexp.MustCompile(`(?s)kubectl[^\n]* apply -f - <<END\n(.*?)\n  END\n`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("no manifest in\n%s", text)
	}
	return found[1]
}

// TestNotesNameWhatIsInstalled: the commands of the notes are about objects that
// the chart has just made.
func TestNotesNameWhatIsInstalled(t *testing.T) {
	objects, text := notes(t, "--namespace", "telephony")
	if want := "kubectl --namespace telephony rollout status deployment/phones-sipring-operator\n"; !strings.Contains(text, want) {
		t.Errorf("no %q in\n%s", want, text)
	}
	if want := "kind: Deployment\nmetadata:\n  name: phones-sipring-operator\n  namespace: telephony\n"; !strings.Contains(objects, want) {
		t.Errorf("no %q in\n%s", want, objects)
	}
}

// TestNotesStayInTheWatchedNamespaces: a SIPCluster elsewhere would wait for
// nobody.
func TestNotesStayInTheWatchedNamespaces(t *testing.T) {
	_, everywhere := notes(t, "--namespace", "telephony")
	if strings.Contains(everywhere, "--namespace telephony apply") || !strings.Contains(everywhere, "in every namespace.") {
		t.Errorf("notes of an operator of every namespace:\n%s", everywhere)
	}
	_, named := notes(t, "--namespace", "telephony", "--set", "watchNamespaces={east,west}")
	if !strings.Contains(named, "in east, west.") {
		t.Errorf("the namespaces are not named in\n%s", named)
	}
	for line := range strings.Lines(named) {
		about := strings.Contains(line, "apply -f") || strings.Contains(line, " sipcluster")
		if about && strings.HasPrefix(line, "  kubectl ") && !strings.Contains(line, "crd") && !strings.HasPrefix(line, "  kubectl --namespace east ") {
			t.Errorf("another namespace in %q", line)
		}
	}
}

// TestNotesWarnOfOpen: of what open means, of what is set against it, and how to find
// who is.
func TestNotesWarnOfOpen(t *testing.T) {
	_, everywhere := notes(t, "--namespace", "telephony")
	for _, want := range []string{
		"WARNING: with spec.authentication {open: {}}", "whoever reaches the port registers and calls as anyone",
		"\n      loadBalancerSourceRanges: [", "kubectl --all-namespaces get sipclusters -o ", `type=="AuthenticationOpen"`,
		"create secret generic users --from-file=users\n",
	} {
		if !strings.Contains(everywhere, want) {
			t.Errorf("no %q in\n%s", want, everywhere)
		}
	}
}

// TestNotesManifest: the first cluster is one that the API server takes, and its
// pods pull their image as the operator's do.
func TestNotesManifest(t *testing.T) {
	api := testapi.Need(t, server)
	tests := map[string]struct {
		args []string
		want *corev1.PodSpec
	}{
		"as it is":         {nil, nil},
		"private registry": {[]string{"--set", "imagePullSecrets[0].name=mine"}, &corev1.PodSpec{ImagePullSecrets: []corev1.LocalObjectReference{{Name: "mine"}}}},
		"loaded image":     {[]string{"--set", "image.pullPolicy=Never"}, &corev1.PodSpec{Containers: []corev1.Container{{Name: "proxy", ImagePullPolicy: "Never"}}}},
		"both": {[]string{"--set", "image.pullPolicy=Always,imagePullSecrets[0].name=mine"}, &corev1.PodSpec{
			ImagePullSecrets: []corev1.LocalObjectReference{{Name: "mine"}},
			Containers:       []corev1.Container{{Name: "proxy", ImagePullPolicy: "Always"}},
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, text := notes(t, tt.args...)
			manifest := firstCluster(t, text)
			api.Kubectl(t, manifest, "--namespace", "default", "apply", "--dry-run=server", "-f", "-")
			c := &v1alpha1.SIPCluster{}
			if err := yaml.Unmarshal([]byte(manifest), c); err != nil {
				t.Fatal(err)
			}
			if tt.want == nil {
				if c.Spec.Template != nil {
					t.Errorf("a template without need:\n%s", manifest)
				}
				return
			}
			if c.Spec.Template == nil {
				t.Fatalf("no template in\n%s", manifest)
			}
			got := &corev1.PodSpec{}
			if err := yaml.UnmarshalStrict(c.Spec.Template.Spec.Raw, got); err != nil {
				t.Fatal(err)
			}
			if g, w := marshalled(t, got), marshalled(t, tt.want); g != w {
				t.Errorf("template\n%s\nwant\n%s", g, w)
			}
		})
	}
}

func marshalled(t *testing.T, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
