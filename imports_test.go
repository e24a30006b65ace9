package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	module = "github.com/sipring/sipring"
	page   = "docs/architecture.md"
	header = "| folder | what it is | may import |"
)

// rule is a row of the table of imports.
type rule struct {
	anything bool
	allowed  []string // packages, below the module; one that ends in "/" stands for all below it
	used     bool     // there is such a package
}

// TestImportsAreThoseOfTheTable: each package is in the table of
// docs/architecture.md and imports, tests aside, what its row says, and no row is
// of a package that is no more.
func TestImportsAreThoseOfTheTable(t *testing.T) {
	imports := importsOf(t)
	rules, faults := readTable(t, slices.Collect(maps.Keys(imports)))
	for _, from := range slices.Sorted(maps.Keys(imports)) {
		r := ruleFor(rules, from)
		if r == nil {
			faults = append(faults, fmt.Sprintf("%q is in no row", from))
			continue
		}
		r.used = true
		for _, to := range imports[from] {
			if !r.allows(to) {
				faults = append(faults, fmt.Sprintf("%q imports %q, which its row does not have", from, to))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if !rules[name].used {
			faults = append(faults, fmt.Sprintf("the row of %q is of no package", name))
		}
	}
	for _, f := range faults {
		t.Errorf("%s: %s", page, f)
	}
}

// importsOf lists what packages of the module each of them imports, all named
// below the module: the program itself is "".
func importsOf(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", `{{if .GoFiles}}{{.ImportPath}} {{join .Imports " "}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	below := func(path string) (string, bool) {
		rest, ours := strings.CutPrefix(path, module)
		return strings.TrimPrefix(rest, "/"), ours
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		paths := strings.Fields(line)
		if len(paths) == 0 {
			continue
		}
		from, _ := below(paths[0])
		all[from] = nil
		for _, p := range paths[1:] {
			if to, ours := below(p); ours {
				all[from] = append(all[from], to)
			}
		}
	}
	if len(all) < 2 {
		t.Fatalf("go list found %d packages", len(all))
	}
	return all
}

// readTable reads the rows, by folder, and what is wrong with them.
func readTable(t *testing.T, packages []string) (rules map[string]*rule, faults []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), header+"\n|---|---|---|\n")
	if !found {
		t.Fatalf("%s has no table %q", page, header)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	rules = map[string]*rule{}
	for row := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(row, "| \n"), " | ")
		if len(cells) != 3 {
			t.Fatalf("%s: a row of the table has %d cells: %s", page, len(cells), row)
		}
		name := folder(cells[0])
		r, unknown := readRule(cells[2], packages)
		for _, u := range unknown {
			faults = append(faults, fmt.Sprintf("the row of %q has %q, which is no package", name, u))
		}
		rules[name] = r
	}
	return rules, faults
}

// folder is the package that a name in the table is of.
func folder(name string) string {
	return strings.TrimSuffix(strings.Trim(strings.TrimSpace(name), "`"), "main.go")
}

// aside is what is said of other modules.
var aside = regexp.MustCompile(`\([^)]*\)`)

// readRule reads what may be imported: packages, where those of proxy/ need no
// more than their last name, "nothing" or "anything".
func readRule(cell string, packages []string) (r *rule, unknown []string) {
	r = &rule{}
	for name := range strings.SplitSeq(aside.ReplaceAllString(cell, ""), ",") {
		switch name = folder(name); {
		case name == "nothing":
		case name == "anything":
			r.anything = true
		case strings.HasSuffix(name, "/"), slices.Contains(packages, name):
			r.allowed = append(r.allowed, name)
		case slices.Contains(packages, "proxy/"+name):
			r.allowed = append(r.allowed, "proxy/"+name)
		default:
			unknown = append(unknown, name)
		}
	}
	return r, unknown
}

func (r *rule) allows(name string) bool {
	return r.anything || slices.ContainsFunc(r.allowed, func(a string) bool {
		return a == name || strings.HasSuffix(a, "/") && strings.HasPrefix(name, a)
	})
}

// ruleFor is the package's own row, else that of the nearest folder around it
// whose row is of all below, as its name ends in "/"; nil if there is neither.
func ruleFor(rules map[string]*rule, name string) *rule {
	if r := rules[name]; r != nil {
		return r
	}
	for i := len(name) - 1; i > 0; i-- {
		if r := rules[name[:i]]; name[i-1] == '/' && r != nil {
			return r
		}
	}
	return nil
}
