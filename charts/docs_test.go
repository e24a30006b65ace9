package charts_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// pages tell users how to install.
var pages = []string{"../README.md", "../docs/kubernetes.md"}

// TestDocsInstall: each helm install that is written down is one that helm takes
// for this chart.
func TestDocsInstall(t *testing.T) {
	for _, page := range pages {
		commands := regexp.MustCompile(`(?m)^helm install (.*)$`).FindAllStringSubmatch(joined(t, page), -1)
		if len(commands) == 0 {
			t.Errorf("%s says nowhere how to install", page)
		}
		for _, c := range commands {
			args := strings.Fields(strings.ReplaceAll(c[1], "charts/sipring", "sipring"))
			helm(t, append(append([]string{"install"}, args...), "--dry-run=client")...)
		}
	}
}

// TestDocsNameFiles: samples and manifests that are named are there.
func TestDocsNameFiles(t *testing.T) {
	for _, page := range pages {
		for _, name := range regexp.MustCompile(`config/[a-z]+(/[a-z]+\.yaml)?`).FindAllString(joined(t, page), -1) {
			if _, err := os.Stat("../" + name); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// joined is a page with the lines joined that a backslash continues.
func joined(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\\\n", " ")
}
