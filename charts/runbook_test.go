package charts_test

import (
	"path/filepath"
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

// TestRunbookHasEveryReason of a condition, and no other, each with what it means for
// callers, what to look at and what to do.
func TestRunbookHasEveryReason(t *testing.T) {
	files, err := filepath.Glob("../api/v1alpha1/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var want, have []string
	for _, f := range files {
		for _, m := range regexp.MustCompile(`\bReason[A-Za-z]+ += "([A-Za-z]+)"`).FindAllStringSubmatch(read(t, f), -1) {
			want = append(want, m[1])
		}
	}
	for name, text := range chapter(t, "Conditions") {
		for _, row := range regexp.MustCompile("(?m)^\\| `.*$").FindAllString(text, -1) {
			cells := strings.Split(strings.Trim(row, "| "), " | ")
			if len(cells) != 4 {
				t.Fatalf("%s: %d cells in %s", name, len(cells), row)
			}
			have = append(have, strings.Trim(cells[0], "`"))
		}
	}
	slices.Sort(want)
	slices.Sort(have)
	if d := cmp.Diff(slices.Compact(want), have); d != "" || len(want) < 30 {
		t.Errorf("reasons of the API (-) and of the runbook (+):\n%s", d)
	}
}

// TestRunbookNamesMetricsThatThereAre, and pages.
func TestRunbookNamesMetricsThatThereAre(t *testing.T) {
	text := read(t, "../docs/runbook.md")
	for _, f := range undocumented(t, text) {
		t.Error(f)
	}
	for _, m := range regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`).FindAllStringSubmatch(text, -1) {
		page := m[1]
		if page == "" {
			page = "runbook.md"
		}
		heading := func(line string) string {
			name := strings.ToLower(strings.TrimLeft(line, "# "))
			return strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(name, ""), " ", "-")
		}
		found := m[2] == ""
		for line := range strings.SplitSeq(read(t, filepath.Join("../docs", page)), "\n") {
			found = found || strings.HasPrefix(line, "#") && heading(line) == m[2]
		}
		if !found {
			t.Errorf("%s has no heading %s", page, m[2])
		}
	}
}
