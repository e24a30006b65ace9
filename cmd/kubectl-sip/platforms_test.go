//go:build !race

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// listed is a package as `go list` has it, for one platform.
type listed struct {
	ImportPath, Dir string
	GoFiles         []string
	ImportMap       map[string]string
	Module          *struct{ Main bool }
}

// TestPlatforms: the program is sound Go on each platform that a release has it for.
// Types are checked from source, which takes a fraction of the time of compiling all that
// is imported: of what others wrote the declarations alone, as that compiles for everybody.
func TestPlatforms(t *testing.T) {
	for _, platform := range []string{"linux/arm64", "darwin/arm64", "windows/amd64"} {
		t.Run(platform, func(t *testing.T) {
			goos, goarch, _ := strings.Cut(platform, "/")
			faults, ours := check(t, goos, goarch)
			for _, f := range faults {
				t.Error(f)
			}
			if ours < 2 {
				t.Errorf("%d packages of ours were checked, want this one and what it imports", ours)
			}
		})
	}
}

// check returns what is wrong with packages of ours, and how many there are.
func check(t *testing.T, goos, goarch string) (faults []error, ours int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Dir,GoFiles,ImportMap,Module", ".")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	done := map[string]*types.Package{"unsafe": types.Unsafe}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; { // what is imported comes first
		p := &listed{}
		if err := d.Decode(p); errors.Is(err, io.EOF) {
			return faults, ours
		} else if err != nil {
			t.Fatal(err)
		}
		if p.ImportPath == "unsafe" {
			continue
		}
		its := p.Module != nil && p.Module.Main
		if its {
			ours++
		}
		c := types.Config{
			Importer: imported{p, done}, Sizes: types.SizesFor("gc", goarch), IgnoreFuncBodies: !its,
			Error: func(err error) {
				if its {
					faults = append(faults, err)
				}
			},
		}
		set := token.NewFileSet()
		done[p.ImportPath], _ = c.Check(p.ImportPath, set, p.parsed(t, set), nil) // errors went to Error
	}
}

func (p *listed) parsed(t *testing.T, set *token.FileSet) (files []*ast.File) {
	t.Helper()
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// imported finds what a package imports among those that were checked before it.
type imported struct {
	by   *listed
	done map[string]*types.Package
}

// Import implements types.Importer.
func (i imported) Import(path string) (*types.Package, error) {
	if real, ok := i.by.ImportMap[path]; ok {
		path = real
	}
	if p := i.done[path]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("%s is not there", path)
}
