package command

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryMetricIsDocumented compares docs/metrics.md with what a proxy shows:
// names, types and labels.
func TestEveryMetricIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	f := newFolder(t, 1)
	f.start("m1", "--address", f.set.Members[0].Address)
	f.await(1, "/readyz", ready)
	f.register(1, "bob", "sip:bob@192.0.2.1")
	_, shown := f.get(1, "/metrics")
	documented := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(sipring_proxy_[a-z_]+)(?:\\{([a-z,]+)\\})?` \\| ([a-z]+) \\|").FindAllStringSubmatch(string(doc), -1) {
		documented[m[1]] = m[3] + " by " + m[2]
	}
	if d := cmp.Diff(documented, exposed(shown)); d != "" {
		t.Errorf("docs/metrics.md (-) and /metrics (+):\n%s", d)
	}
}

// exposed maps each of our metrics to its type and the names of its labels.
func exposed(text string) map[string]string {
	types := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (sipring_[a-z_]+) ([a-z]+)$`).FindAllStringSubmatch(text, -1) {
		types[m[1]] = m[2]
	}
	labels := map[string]map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(sipring_[a-z_]+)(?:\{(.*)\})? \S+$`).FindAllStringSubmatch(text, -1) {
		name := m[1]
		if _, ok := types[name]; !ok { // a line of a histogram
			name = regexp.MustCompile("_(bucket|sum|count)$").ReplaceAllString(name, "")
		}
		if labels[name] == nil {
			labels[name] = map[string]bool{}
		}
		for _, l := range regexp.MustCompile(`([a-z_]+)="`).FindAllStringSubmatch(m[2], -1) {
			if l[1] != "le" {
				labels[name][l[1]] = true
			}
		}
	}
	out := map[string]string{}
	for name, kind := range types {
		out[name] = kind + " by " + strings.Join(slices.Sorted(maps.Keys(labels[name])), ",")
	}
	return out
}
