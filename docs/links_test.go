package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages are the pages that people read, by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found, err := filepath.Glob("*.md")
	if err != nil || len(found) < 5 {
		t.Fatalf("%d pages: %v", len(found), err)
	}
	all := map[string]string{}
	for _, path := range append(found, "../README.md", "../CONTRIBUTING.md", "../SECURITY.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[path] = string(text)
	}
	return all
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	dropped = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// anchors are those that GitHub makes of a page's headings.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(page, -1) {
		all[strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
	}
	return all
}

// TestLinksLead: a page's links to files and headings of the repository are to such
// as there are.
func TestLinksLead(t *testing.T) {
	all, links := pages(t), 0
	for path, page := range all {
		if path == "api.md" { // made from the types, by names of its own
			continue
		}
		for _, l := range link.FindAllStringSubmatch(page, -1) {
			file, anchor, _ := strings.Cut(l[1], "#")
			if strings.Contains(file, ":") {
				continue // elsewhere
			}
			links++
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", path, err)
			} else if to, known := all[target]; anchor != "" && known && !anchors(to)[anchor] {
				t.Errorf("%s: %s has no heading #%s", path, target, anchor)
			}
		}
	}
	if links < 20 {
		t.Errorf("%d links found", links)
	}
}

// TestAnswersAreGiven: the answers that troubleshooting.md explains are in the code.
func TestAnswersAreGiven(t *testing.T) {
	var code strings.Builder
	for _, folder := range []string{"auth", "routing", "server", "transaction", "forward"} {
		files, err := filepath.Glob("../proxy/" + folder + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(f, "_test.go") {
				code.Write(text)
			}
		}
	}
	answers := regexp.MustCompile("`([4-6][0-9][0-9]) ([A-Z][^`]+)`").FindAllStringSubmatch(pages(t)["troubleshooting.md"], -1)
	if len(answers) < 15 {
		t.Fatalf("%d answers found", len(answers))
	}
	for _, a := range answers {
		given := a[1] + ", "
		if a[1] == "403" {
			given = `(403, |refuse\()` // which is auth's for it
		}
		if !regexp.MustCompile(given + `"` + regexp.QuoteMeta(a[2]) + `"`).MatchString(code.String()) {
			t.Errorf("no code answers %s %s", a[1], a[2])
		}
	}
}
