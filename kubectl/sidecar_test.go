package kubectl_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// TestProxyAsNativeSidecar: of a proxy that is an init container, beside an application,
// the same is told as of one that is not.
func TestProxyAsNativeSidecar(t *testing.T) {
	for _, command := range []string{"status voice -o wide", "explain voice"} {
		want, _, err := aWorld().kubectl(t, "", strings.Fields(command)...)
		if err != nil {
			t.Fatal(err)
		}
		w := aWorld()
		for i := range w.pods {
			spec, status := &w.pods[i].Spec, &w.pods[i].Status
			spec.InitContainers, spec.Containers = spec.Containers, []corev1.Container{{Name: "pbx"}}
			status.InitContainerStatuses, status.ContainerStatuses = status.ContainerStatuses, []corev1.ContainerStatus{{Name: "pbx"}}
		}
		got, _, err := w.kubectl(t, "", strings.Fields(command)...)
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %v (-container +init container):\n%s", command, err, d)
		}
	}
}
