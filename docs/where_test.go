package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestWhereToChangeWhat: the files and folders that architecture.md names are there.
func TestWhereToChangeWhat(t *testing.T) {
	page, err := os.ReadFile("architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "\n## Where to change what\n")
	table, _, _ = strings.Cut(table, "\n## ")
	names := regexp.MustCompile("`((?:proxy|api|controllers|docs)/[a-z0-9_/.]*)`").FindAllStringSubmatch(table, -1)
	if !found || len(names) < 20 {
		t.Fatalf("%d names found", len(names))
	}
	for _, n := range names {
		if _, err := os.Stat("../" + n[1]); err != nil {
			t.Error(err)
		}
	}
}
