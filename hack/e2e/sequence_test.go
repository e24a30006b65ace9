//go:build linux

package main

import (
	"io"
	"slices"
	"testing"
)

// TestPartsArePlayedOnce: a case that is a part of another one is played by itself
// only where that one is not.
func TestPartsArePlayedOnce(t *testing.T) {
	for only, want := range map[string]bool{"": false, skewCase: true, helmCase + "," + skewCase: false, skewCase + "," + pairCase: true} {
		o, err := parseOptions([]string{"--only", only}, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		played := slices.ContainsFunc(newEnv(o, io.Discard).cases(), func(c played) bool { return c.name == skewCase && o.wants(c.name) })
		if played != want {
			t.Errorf("--only=%s: %s by itself: %v, want %v", only, skewCase, played, want)
		}
	}
}
