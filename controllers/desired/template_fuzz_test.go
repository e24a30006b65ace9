package desired

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/api/v1alpha1"
)

// FuzzTemplate: whatever stands in spec.template.spec is refused, or leaves one proxy
// container with the image, command and arguments that were built, and the volumes
// that it reads from.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{
		`{}`, `null`, `{"containers":[{"name":"proxy","resources":{"limits":{"memory":"1Gi"}}},{"name":"pbx","image":"x"}]}`,
		`{"containers":[{"name":"proxy","$patch":"delete"}]}`, `{"containers":[{"$patch":"replace"}]}`, `{"$patch":"replace"}`,
		`{"$setElementOrder/containers":[{"name":"proxy"}]}`, `{"containers":[null]}`, `{"volumes":[{"name":"keys","$patch":"delete"}]}`,
		`{"$retainKeys":["containers"],"containers":[{"name":"proxy"}]}`, `{"initContainers":[{"name":"proxy"}]}`, `{"containers":[{"name":"proxy","args":null}]}`,
		`{"$deleteFromPrimitiveList/tolerations":["x"],"tolerations":[{"operator":"Exists"}]}`,
	} {
		f.Add([]byte(text), false)
		f.Add([]byte(text), true)
	}
	f.Add([]byte(`{"containers":[{"image":"x"},{"$patch":"replace"}]}`), true)
	f.Add([]byte(`{"containers":[{"name":"pbx","image":"x"}],"initContainers":[{"name":"proxy","restartPolicy":null}]}`), true)
	f.Fuzz(func(t *testing.T, text []byte, application bool) {
		c := ring(t, "")
		if application {
			c = ring(t, withApplication)
		}
		built := must(StatefulSet(c, "image", "cluster: ring")).Spec.Template.Spec
		was := built.Containers[0]
		if application {
			was = built.InitContainers[slices.IndexFunc(built.InitContainers, func(c corev1ac.ContainerApplyConfiguration) bool { return *c.Name == Container })]
		}
		c.Spec.Template = &v1alpha1.PodTemplate{Spec: &runtime.RawExtension{Raw: text}}
		set, err := StatefulSet(c, "image", "cluster: ring")
		if err != nil {
			return
		}
		got, proxies := set.Spec.Template.Spec, 0
		for _, p := range slices.Concat(got.Containers, got.InitContainers) {
			if p.Name != nil && *p.Name == Container {
				proxies++
				if asText(p.Command) != asText(was.Command) || asText(p.Args) != asText(was.Args) || application && p.Lifecycle.PreStop.Exec.Command[1] != "drain" {
					t.Fatalf("%s gives it %v %v", text, p.Command, p.Args)
				}
			}
		}
		if proxies != 1 {
			t.Fatalf("%s leaves %d proxies", text, proxies)
		}
		have := map[string]string{}
		for i := range got.Volumes {
			have[*got.Volumes[i].Name] = asText(got.Volumes[i])
		}
		for i := range built.Volumes {
			if name := *built.Volumes[i].Name; have[name] != asText(built.Volumes[i]) {
				t.Fatalf("%s leaves %q of the volume %q", text, have[name], name)
			}
		}
	})
}

func asText(v any) string {
	b, _ := yaml.Marshal(v) // plain data
	return string(b)
}

// FuzzOrdinal: what is read of a pod's name is what makes that name.
func FuzzOrdinal(f *testing.F) {
	for _, name := range []string{"ring-0", "ring-01", "ring-2147483647", "ring-2147483648", "ring--1", "ring-", "rings-1", "ring-+1"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if n, ok := Ordinal("ring", name); ok && PodName("ring", n) != name {
			t.Fatalf("%q is number %d", name, n)
		}
	})
}
