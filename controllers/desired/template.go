package desired

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/sipring/sipring/api/v1alpha1"
)

// overridden is the template with spec.template merged onto it. The selector's
// labels and our annotations win, since nothing works without them.
func overridden(built *corev1ac.PodTemplateSpecApplyConfiguration, c *v1alpha1.SIPCluster) (*corev1ac.PodTemplateSpecApplyConfiguration, error) {
	over := c.Spec.Template
	if over == nil {
		return built, nil
	}
	merged := corev1ac.PodTemplateSpec().
		WithLabels(over.Labels).WithLabels(built.Labels).
		WithAnnotations(over.Annotations).WithAnnotations(built.Annotations).
		WithSpec(built.Spec)
	if over.Spec == nil || len(over.Spec.Raw) == 0 {
		return merged, nil
	}
	spec, err := mergedSpec(built.Spec, over.Spec.Raw)
	if err != nil {
		return nil, fmt.Errorf("spec.template.spec: %w", err)
	}
	return merged.WithSpec(spec), nil
}

func mergedSpec(built *corev1ac.PodSpecApplyConfiguration, patch []byte) (*corev1ac.PodSpecApplyConfiguration, error) {
	if err := checkFields(patch); err != nil {
		return nil, err
	}
	original, err := json.Marshal(built)
	if err != nil {
		return nil, err
	}
	text, err := strategicpatch.StrategicMergePatch(original, patch, corev1.PodSpec{})
	if err != nil {
		return nil, err
	}
	spec := corev1ac.PodSpec()
	if err := yaml.UnmarshalStrict(text, spec); err != nil {
		return nil, err
	}
	for _, container := range spec.Containers {
		if container.Name != nil && *container.Name == Container {
			return spec, nil
		}
	}
	return nil, fmt.Errorf("the container %q must stay", Container)
}

// checkFields refuses a misspelt field, which a merge would pass on silently.
func checkFields(patch []byte) error {
	var tree map[string]any
	if err := json.Unmarshal(patch, &tree); err != nil {
		return err
	}
	plain, err := json.Marshal(withoutDirectives(tree))
	if err != nil {
		return err
	}
	return yaml.UnmarshalStrict(plain, &corev1.PodSpec{})
}

// withoutDirectives is the tree without the $-keys of a strategic merge patch.
func withoutDirectives(node any) any {
	switch n := node.(type) {
	case map[string]any:
		out := maps.Clone(n)
		maps.DeleteFunc(out, func(key string, _ any) bool { return strings.HasPrefix(key, "$") })
		for key, value := range out {
			out[key] = withoutDirectives(value)
		}
		return out
	case []any:
		out := make([]any, len(n))
		for i, value := range n {
			out[i] = withoutDirectives(value)
		}
		return out
	}
	return node
}
