package main

import (
	"go/parser"
	"go/token"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	tests := map[string]struct {
		text string
		want []fault
		err  string
	}{
		"two faults, one with two edits": {
			text: "# about\n\nfault: a\n@ p/x.go\n \tkept\n-\told\n+\tnew\n@ p/y.go\n-z\n\nfault: b\n@ p/z.go\n-one\n-two\n+three\n",
			want: []fault{
				{name: "a", edits: []edit{{file: "p/x.go", old: "\tkept\n\told\n", new: "\tkept\n\tnew\n"}, {file: "p/y.go", old: "z\n"}}},
				{name: "b", edits: []edit{{file: "p/z.go", old: "one\ntwo\n", new: "three\n"}}},
			},
		},
		"an edit of nothing":     {text: "fault: a\n", err: "a: changes nothing"},
		"an edit without a file": {text: "fault: a\n-x\n", err: "line 2: no file is named before"},
		"nothing replaced":       {text: "fault: a\n@ x.go\n+x\n", err: "a: the edit of x.go replaces nothing"},
		"replaced by itself":     {text: "fault: a\n@ x.go\n-x\n+x\n", err: "a: the edit of x.go replaces nothing"},
		"lines of no fault":      {text: "fault: a\n@ x.go\n-x\n\n-x\n", err: "line 5: outside of a fault"},
		"a line of no kind":      {text: "fault: a\n@ x.go\nx\n", err: "line 3: begins with none of @, minus, plus and space"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parse(tt.text)
			if err != nil || tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(fault{}, edit{})); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// TestListFitsTheCode holds every fault to the code as it is, so that the list does not grow stale between two runs.
func TestListFitsTheCode(t *testing.T) {
	faults, err := readAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(faults) < 35 {
		t.Errorf("%d faults are left", len(faults))
	}
	for _, f := range faults {
		changed, err := f.apply("../..")
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		for name, text := range changed {
			if _, err := parser.ParseFile(token.NewFileSet(), name, text, 0); err != nil {
				t.Errorf("%s: %v", f.name, err)
			}
		}
		if packages, _ := f.checks(); len(packages) == 0 {
			t.Errorf("%s: no package's tests are run", f.name)
		}
	}
}
