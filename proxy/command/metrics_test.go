package command

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestEveryMetricIsDocumented compares docs/metrics.md with what a proxy shows.
func TestEveryMetricIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	f := newFolder(t, 1)
	f.start("m1", "--address", f.set.Members[0].Address)
	f.await(1, "/readyz", ready)
	f.register(1, "bob", "sip:bob@192.0.2.1")
	_, metrics := f.get(1, "/metrics")
	documented := names(regexp.MustCompile("`(sipring_proxy_[a-z_]+)").FindAllStringSubmatch(string(doc), -1))
	shown := names(regexp.MustCompile(`(?m)^# TYPE (sipring_[a-z_]+) `).FindAllStringSubmatch(metrics, -1))
	for _, name := range shown {
		if !slices.Contains(documented, name) {
			t.Errorf("%s is not in docs/metrics.md", name)
		}
	}
	for _, name := range documented {
		if !slices.Contains(shown, name) {
			t.Errorf("%s is in docs/metrics.md and nowhere else", name)
		}
	}
}

func names(matches [][]string) (out []string) {
	for _, m := range matches {
		out = append(out, m[1])
	}
	return out
}
