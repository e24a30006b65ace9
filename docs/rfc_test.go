package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	namedTest = regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	madeTest  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
)

// TestRFCsAreShownByTests: the tests that the page on RFCs names are there.
func TestRFCsAreShownByTests(t *testing.T) {
	page, err := os.ReadFile("rfc.md")
	if err != nil {
		t.Fatal(err)
	}
	made := map[string]bool{}
	for _, path := range testFiles(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range madeTest.FindAllStringSubmatch(string(text), -1) {
			made[m[1]] = true
		}
	}
	named := namedTest.FindAllStringSubmatch(string(page), -1)
	if len(named) < 50 {
		t.Errorf("the page names %d tests", len(named))
	}
	for _, m := range named {
		if !made[m[1]] {
			t.Errorf("rfc.md names %s, which is not there", m[1])
		}
	}
}

// testFiles are the files of tests of the whole repository.
func testFiles(t *testing.T) (paths []string) {
	t.Helper()
	if err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || path == "../bin"):
			return fs.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			paths = append(paths, path)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return paths
}
