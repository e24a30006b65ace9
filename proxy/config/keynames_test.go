package config

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestKeyNames: they are short, tell keys of one ID apart, follow the file's order,
// and are no part of what is secret or derived for another purpose.
func TestKeyNames(t *testing.T) {
	shape := regexp.MustCompile(`^[0-9]{1,3}-[0-9a-f]{8}$`)
	keys := NewKeys()
	for range MaxKeys - 1 {
		keys = must(t, keys.Added)
	}
	keys.Keys[0].ID = 255
	names := keys.Names()
	for i, name := range names {
		if !shape.MatchString(name) || len(name) > maxKeyName || name != keys.Keys[i].Name() {
			t.Errorf("name %q", name)
		}
	}
	if a, b := NewKeys().Keys[0], NewKeys().Keys[0]; a.ID != b.ID || a.Name() == b.Name() {
		t.Errorf("two keys of one ID are %s and %s", a.Name(), b.Name())
	}
	promoted := must(t, keys.Promoted).Names()
	if d := cmp.Diff(append([]string{names[3]}, names[:3]...), promoted); d != "" {
		t.Errorf("after a promotion (-want +got):\n%s", d)
	}
	trust := keys.Trust("voice/ring/1").Names()
	for i, name := range trust {
		if len(name) != 2*nameSize || strings.Contains(names[i], name) {
			t.Errorf("trusted key %q of %q", name, names[i])
		}
	}
	for _, list := range [][]string{names, trust} {
		if d := cmp.Diff(list, SplitKeyNames(JoinKeyNames(list))); d != "" {
			t.Errorf("read back (-want +got):\n%s", d)
		}
	}
}

// TestSplitKeyNames: what is no list of a few short names is none.
func TestSplitKeyNames(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "1-0a1b2c3d": 1, "1-0a1b2c3d,2-0a1b2c3d": 2, "1,2,3,4": 4, "1,2,3,4,5": 0, ",,,,,": 0,
		strings.Repeat("x", 1<<20): 0, strings.Repeat("1,", 1<<20): 0,
	} {
		if got := SplitKeyNames(text); len(got) != want {
			t.Errorf("%.20q is %d names, want %d", text, len(got), want)
		}
	}
}

func must(t *testing.T, step func() (*Keys, error)) *Keys {
	t.Helper()
	k, err := step()
	if err != nil {
		t.Fatal(err)
	}
	return k
}
