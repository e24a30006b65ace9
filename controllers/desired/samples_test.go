package desired

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/api/v1alpha1"
)

// onNodes are ports that other software commonly holds on a node's own network.
var onNodes = map[int32]string{
	7946: "MetalLB's speakers", 7472: "MetalLB's metrics", 9090: "Prometheus", 9091: "Calico's metrics", 9100: "the node exporter",
	4240: "Cilium's health checks", 4244: "Hubble", 9962: "Cilium's metrics", 10250: "the kubelet", 10256: "kube-proxy",
}

// usersSample is the Secret that the samples name.
const usersSample = "../../config/samples/users.yaml"

// noCluster says that the sample is no SIPCluster, but what one needs.
func noCluster(path string) bool {
	return filepath.Base(path) == "kustomization.yaml" || path == usersSample || strings.HasSuffix(path, "-config.yaml")
}

func sample(t *testing.T, path string) *v1alpha1.SIPCluster {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := &v1alpha1.SIPCluster{}
	if err := yaml.UnmarshalStrict(text, c); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return c
}

// TestSamplesCanRun: the template of each sample can be merged, which the API
// server does not try, and on its nodes' network none meets what is likely there.
func TestSamplesCanRun(t *testing.T) {
	paths, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil || len(paths) < 4 {
		t.Fatalf("samples %v, %v", paths, err)
	}
	for _, path := range paths {
		if noCluster(path) {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			set, err := StatefulSet(sample(t, path), "example.com/sipring:1", "cluster: sample")
			if err != nil {
				t.Fatal(err)
			}
			spec := set.Spec.Template.Spec
			if c := sample(t, path); c.Spec.LocalApp != nil {
				if err := RestrictedTemplates().Check(c, set.Spec.Template); err != nil {
					t.Error(err)
				}
				if _, err := Config(c); err != nil {
					t.Error(err)
				}
			}
			if spec.HostNetwork == nil || !*spec.HostNetwork {
				return
			}
			for _, port := range spec.Containers[0].Ports {
				if other, taken := onNodes[*port.ContainerPort]; taken || *port.ContainerPort == 0 {
					t.Errorf("port %s is %d, that of %s", *port.Name, *port.ContainerPort, other)
				}
			}
		})
	}
}

// TestSamplesSayWhoMayRegister: each names credentials, and where those are in a Secret
// the one that is there, or says in words why it is open.
func TestSamplesSayWhoMayRegister(t *testing.T) {
	text, err := os.ReadFile(usersSample)
	if err != nil {
		t.Fatal(err)
	}
	users := &corev1.Secret{}
	if err := yaml.UnmarshalStrict(text, users); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(users.StringData["users"]) {
		if !regexp.MustCompile(`^[a-z]+:example[.]com:([0-9a-f]{32}|[0-9a-f]{64})\n$`).MatchString(line) {
			t.Errorf("%s: %q is no line of credentials of example.com", usersSample, line)
		}
	}
	paths, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string]int{}
	for _, path := range paths {
		if noCluster(path) {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		a := sample(t, path).Spec.Authentication
		switch {
		case a == nil:
			t.Errorf("%s says nothing of authentication", path)
		case a.Open != nil:
			sources["open"]++
			if !strings.Contains(string(text), "# Open:") {
				t.Errorf("%s is open, and does not say why", path)
			}
		case a.Digest.Credentials.Postgres != nil:
			sources["postgres"]++
		case a.Digest.Credentials.HTTP != nil:
			sources["http"]++
		default:
			sources["secrets"]++
			if got := a.Digest.Credentials.Secrets[0].Name; string(got) != users.Name {
				t.Errorf("%s names the Secret %s, and there is %s", path, got, users.Name)
			}
		}
	}
	if want := map[string]int{"open": 1, "postgres": 1, "http": 1, "secrets": 8}; !maps.Equal(sources, want) {
		t.Errorf("samples %v, want %v", sources, want)
	}
}
