package desired

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	kjson "sigs.k8s.io/json"

	"github.com/sipring/sipring/api/v1alpha1"
)

// overridden is the template with spec.template merged onto it. What the operator
// and the proxy rely on must be as it was built.
func overridden(built *corev1ac.PodTemplateSpecApplyConfiguration, c *v1alpha1.SIPCluster) (*corev1ac.PodTemplateSpecApplyConfiguration, error) {
	over, inherited := c.Spec.Template, inheritedMetadata(c)
	if over == nil {
		over = &v1alpha1.PodTemplate{}
	}
	if err := reserved(built, over); err != nil {
		return nil, fmt.Errorf("spec.template.%w", err)
	}
	merged := corev1ac.PodTemplateSpec().
		WithLabels(inherited.Labels).WithLabels(over.Labels).WithLabels(built.Labels).
		WithAnnotations(inherited.Annotations).WithAnnotations(over.Annotations).WithAnnotations(built.Annotations).
		WithSpec(built.Spec)
	patch := []byte("{}")
	if over.Spec != nil && len(over.Spec.Raw) > 0 {
		patch = over.Spec.Raw
	} else if c.Spec.LocalApp == nil {
		return merged, nil
	}
	spec, err := mergedSpec(built.Spec, patch)
	if err != nil {
		return nil, fmt.Errorf("spec.template.spec: %w", err)
	}
	if _, set := merged.Annotations[annotationDefaultContainer]; !set && c.Spec.LocalApp != nil {
		merged.WithAnnotations(map[string]string{annotationDefaultContainer: *cmp.Or(spec.Containers[0].Name, new(""))})
	}
	return merged.WithSpec(spec), nil
}

// mergedSpec is the spec with the patch merged onto it, if nothing is lost by it.
func mergedSpec(built *corev1ac.PodSpecApplyConfiguration, patch []byte) (*corev1ac.PodSpecApplyConfiguration, error) {
	if err := checkFields(patch); err != nil {
		return nil, err
	}
	original, err := json.Marshal(built)
	if err != nil {
		return nil, err
	}
	text, err := merge(original, patch)
	if err != nil {
		return nil, err
	}
	var before, after corev1.PodSpec
	if err := json.Unmarshal(original, &before); err != nil {
		return nil, err
	}
	if err := strict(text, &after); err != nil {
		return nil, err
	}
	for _, rule := range rules {
		if err := rule(&before, &after); err != nil {
			return nil, err
		}
	}
	spec := corev1ac.PodSpec()
	return spec, json.Unmarshal(text, spec)
}

// merge merges the patch onto the spec. The library panics on directives that make no
// sense, such as $retainKeys with something else than names.
func merge(original, patch []byte) (text []byte, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("a directive of the strategic merge makes no sense: %v", fault)
		}
	}()
	return strategicpatch.StrategicMergePatch(original, patch, corev1.PodSpec{})
}

// templateAccount is the ServiceAccount that spec.template names; empty where it
// names none.
func templateAccount(c *v1alpha1.SIPCluster) string {
	if c.Spec.Template == nil || c.Spec.Template.Spec == nil {
		return ""
	}
	var spec struct {
		ServiceAccountName string `json:"serviceAccountName"`
	}
	if kjson.UnmarshalCaseSensitivePreserveInts(c.Spec.Template.Spec.Raw, &spec) != nil {
		return "" // which applying the pods reports
	}
	return spec.ServiceAccountName
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
	return strict(plain, &corev1.PodSpec{})
}

// strict decodes as the API server does: names of fields are case-sensitive, and
// each must be known.
func strict(text []byte, into *corev1.PodSpec) error {
	unknown, err := kjson.UnmarshalStrict(text, into)
	if err != nil {
		return err
	}
	if len(unknown) == 0 {
		return nil
	}
	all := make([]string, 0, len(unknown))
	for _, u := range unknown {
		all = append(all, u.Error())
	}
	return fmt.Errorf("%s (names of fields are case-sensitive: kubectl explain pod.spec)", strings.Join(all, ", "))
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
