package command

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEveryMetricIsDocumented compares docs/metrics.md with what a proxy shows:
// names, types, labels and their values.
func TestEveryMetricIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	f := newFolder(t, 1)
	f.withTLS("tls")
	f.certify("tls", time.Now().Add(time.Hour))
	f.append("config.yaml", "localApp: {port: 15080, proxyPort: 15090}\n")
	f.start("m1", "--address", f.set.Members[0].Address)
	f.await(1, "/readyz", ready)
	f.register(1, "bob", "sip:bob@192.0.2.1")
	_, shown := f.get(1, "/metrics")
	types, values := exposed(shown)
	documented := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(sipring_(?:proxy|application)_[a-z_]+)(?:\\{([a-z,]+)\\})?` \\| ([a-z]+) \\| (.*) \\|$").FindAllStringSubmatch(string(doc), -1) {
		documented[m[1]] = m[3] + " by " + m[2]
		for _, value := range values[m[1]] {
			if !strings.Contains(m[4], "`"+value+"`") {
				t.Errorf("docs/metrics.md does not say what %s of %s is", value, m[1])
			}
		}
	}
	if d := cmp.Diff(documented, types); d != "" {
		t.Errorf("docs/metrics.md (-) and /metrics (+):\n%s", d)
	}
}

// append adds to a file.
func (f *folder) append(name, text string) {
	f.t.Helper()
	b, err := os.ReadFile(f.file(name))
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(name, append(b, text...))
}

// known are labels whose values are SIP's own, numbers, or the configuration's.
var known = []string{"le", "method", "code", "id", "version", "goversion", "listener", "certificate"}

// exposed maps each of our metrics to its type and the names of its labels, and to
// the values of those that are to be explained.
func exposed(text string) (types map[string]string, values map[string][]string) {
	types, values = map[string]string{}, map[string][]string{}
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
		for _, l := range regexp.MustCompile(`([a-z_]+)="([^"]*)"`).FindAllStringSubmatch(m[2], -1) {
			if l[1] != "le" {
				labels[name][l[1]] = true
			}
			if !slices.Contains(known, l[1]) && !slices.Contains(values[name], l[2]) {
				values[name] = append(values[name], l[2])
			}
		}
	}
	for name, kind := range types {
		types[name] = kind + " by " + strings.Join(slices.Sorted(maps.Keys(labels[name])), ",")
	}
	return types, values
}
