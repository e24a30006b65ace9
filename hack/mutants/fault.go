package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// fault is one mistake, as an edit of sources.
type fault struct {
	name  string // a sentence that says what is wrong
	edits []edit
}

// edit replaces lines of one file.
type edit struct {
	file     string // from the root of the module
	old, new string // whole lines
}

//go:embed list/*.txt
var lists embed.FS

// readAll reads every list there is.
func readAll() ([]fault, error) {
	var all []fault
	names, err := fs.Glob(lists, "list/*.txt")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, name := range names {
		text, err := lists.ReadFile(name)
		if err != nil {
			return nil, err
		}
		faults, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, f := range faults {
			if seen[f.name] {
				return nil, fmt.Errorf("%s: %q is there twice", name, f.name)
			}
			seen[f.name] = true
		}
		all = append(all, faults...)
	}
	return all, nil
}

// parse reads a list. doc.go has its form.
func parse(text string) ([]fault, error) {
	var faults []fault
	open := false // an empty line ends a fault
	for i, line := range strings.Split(text, "\n") {
		var err error
		switch name, isFault := strings.CutPrefix(line, "fault: "); {
		case line == "":
			open = false
		case strings.HasPrefix(line, "#"):
		case isFault:
			faults, open = append(faults, fault{name: name}), true
		case !open:
			err = errors.New("outside of a fault")
		default:
			err = faults[len(faults)-1].line(line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	for _, f := range faults {
		if err := f.check(); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return faults, nil
}

// line takes a line of an edit.
func (f *fault) line(line string) error {
	if file, ok := strings.CutPrefix(line, "@ "); ok {
		f.edits = append(f.edits, edit{file: file})
		return nil
	}
	if len(f.edits) == 0 {
		return errors.New("no file is named before")
	}
	e, text := &f.edits[len(f.edits)-1], line[1:]+"\n"
	switch line[0] {
	case ' ':
		e.old += text
		e.new += text
	case '-':
		e.old += text
	case '+':
		e.new += text
	default:
		return errors.New("begins with none of @, minus, plus and space")
	}
	return nil
}

func (f *fault) check() error {
	if len(f.edits) == 0 {
		return errors.New("changes nothing")
	}
	for _, e := range f.edits {
		if e.old == "" || e.old == e.new {
			return fmt.Errorf("the edit of %s replaces nothing", e.file)
		}
	}
	return nil
}
