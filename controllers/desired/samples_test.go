package desired

import (
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/api/v1alpha1"
)

// onNodes are ports that other software commonly holds on a node's own network.
var onNodes = map[int32]string{
	7946: "MetalLB's speakers", 7472: "MetalLB's metrics", 9090: "Prometheus", 9091: "Calico's metrics", 9100: "the node exporter",
	4240: "Cilium's health checks", 4244: "Hubble", 9962: "Cilium's metrics", 10250: "the kubelet", 10256: "kube-proxy",
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
		if filepath.Base(path) == "kustomization.yaml" {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			set, err := StatefulSet(sample(t, path), "example.com/sipring:1", "cluster: sample")
			if err != nil {
				t.Fatal(err)
			}
			spec := set.Spec.Template.Spec
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
