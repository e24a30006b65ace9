package charts_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// chapter is what the runbook has under a heading of the second level: the text of
// each heading of the third, by its name.
func chapter(t *testing.T, heading string) map[string]string {
	t.Helper()
	_, text, found := strings.Cut(read(t, "../docs/runbook.md"), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("the runbook has no %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	sections := map[string]string{}
	for _, s := range strings.Split(text, "\n### ")[1:] {
		name, rest, _ := strings.Cut(s, "\n")
		sections[name] = rest
	}
	return sections
}

// complete compares the headings with what they are to be, and wants each to say what
// to look at and what to do.
func complete(t *testing.T, sections map[string]string, want []string) {
	t.Helper()
	var names []string
	for name, text := range sections {
		names = append(names, name)
		for _, part := range []string{"**Callers:**", "**Look:**", "**Do:**"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s has no %s", name, part)
			}
		}
	}
	slices.Sort(names)
	slices.Sort(want)
	if d := cmp.Diff(slices.Compact(want), names); d != "" {
		t.Errorf("what there is (-) and the runbook (+):\n%s", d)
	}
}

// TestRunbookHasEveryAlert, under the name that its runbook_url leads to, and no other.
func TestRunbookHasEveryAlert(t *testing.T) {
	var want []string
	for _, a := range alerts(t).all() {
		want = append(want, a.Alert)
		if !strings.HasSuffix(a.Annotations["runbook_url"], "/docs/runbook.md#"+strings.ToLower(a.Alert)) {
			t.Errorf("%s leads to %s", a.Alert, a.Annotations["runbook_url"])
		}
	}
	complete(t, chapter(t, "Alerts"), want)
}

// TestRunbookNamesSeverity as the alert has it.
func TestRunbookNamesSeverity(t *testing.T) {
	sections := chapter(t, "Alerts")
	for _, a := range alerts(t).all() {
		if first, _, _ := strings.Cut(strings.TrimSpace(sections[a.Alert]), "\n"); !regexp.MustCompile(`^` + a.Labels["severity"] + `\b`).MatchString(strings.ToLower(first)) {
			t.Errorf("%s is %s, and begins %q", a.Alert, a.Labels["severity"], first)
		}
	}
}
