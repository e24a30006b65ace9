package v1alpha1_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// property is what the tests read of a property's schema.
type property struct {
	Description string              `json:"description"`
	Type        string              `json:"type"`
	Default     any                 `json:"default"`
	Minimum     *int64              `json:"minimum"`
	Maximum     *int64              `json:"maximum"`
	MaxItems    *int64              `json:"maxItems"`
	Enum        []string            `json:"enum"`
	Properties  map[string]property `json:"properties"`
	Items       *property           `json:"items"`
	Validations []struct {
		Rule    string `json:"rule"`
		Message string `json:"message"`
	} `json:"x-kubernetes-validations"`
}

// properties are those of the CRD, by their path; the object itself is "".
func properties(t *testing.T) map[string]property {
	t.Helper()
	text, err := os.ReadFile("../../config/crd/bases/sipring.io_sipclusters.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					Root property `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	all := map[string]property{}
	var walk func(path string, p property)
	walk = func(path string, p property) {
		all[path] = p
		for name, child := range p.Properties {
			walk(strings.TrimPrefix(path+"."+name, "."), child)
		}
		if p.Items != nil {
			walk(path+"[]", *p.Items)
		}
	}
	walk("", crd.Spec.Versions[0].Schema.Root)
	return all
}

// TestExplainSays: kubectl explain tells of each field of the spec what it is,
// with its default and its bounds, which it does not print by itself.
func TestExplainSays(t *testing.T) {
	for path, p := range properties(t) {
		if !strings.HasPrefix(path, "spec.") {
			continue
		}
		if len(p.Description) < 20 && !strings.HasSuffix(path, "[]") {
			t.Errorf("%s: %q says nothing", path, p.Description)
		}
		for _, want := range told(p) {
			words := strings.FieldsFunc(p.Description, func(r rune) bool { return strings.ContainsRune(" \n,:;()", r) })
			if !slices.ContainsFunc(words, func(w string) bool { return strings.TrimSuffix(w, ".") == want }) { // 1.2 is a word
				t.Errorf("%s: %q does not tell %s", path, p.Description, want)
			}
		}
	}
}

// told is what a description must hold.
func told(p property) []string {
	words := slices.Clone(p.Enum)
	switch d := p.Default.(type) {
	case string, float64:
		words = append(words, "default", fmt.Sprint(d))
	}
	for _, bound := range []*int64{p.Minimum, p.Maximum} {
		if bound != nil {
			words = append(words, fmt.Sprint(*bound))
		}
	}
	return words
}
