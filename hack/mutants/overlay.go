package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// apply returns the text of every file that the fault changes, by its name from the root of the module. It is an error
// if what is to be replaced is not there, or there more than once.
func (f *fault) apply(root string) (map[string]string, error) {
	changed := map[string]string{}
	for _, e := range f.edits {
		text, ok := changed[e.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return nil, err
			}
			text = string(b)
		}
		if n := strings.Count("\n"+text, "\n"+e.old); n != 1 {
			return nil, fmt.Errorf("%s has these lines %d times, not once:\n%s", e.file, n, e.old)
		}
		changed[e.file] = strings.Replace("\n"+text, "\n"+e.old, "\n"+e.new, 1)[1:]
	}
	return changed, nil
}

// writeOverlay writes the changed files to dir, and the file that has the compiler read them, whose name it returns.
func (f *fault) writeOverlay(root, dir string) (string, error) {
	changed, err := f.apply(root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range changed {
		to := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, name)] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, b, 0o600)
}
