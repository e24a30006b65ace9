//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFill: outputs replace those of the run before, and a page without the place for
// one is an error.
func TestFill(t *testing.T) {
	page := "# Page\n\n```\n$ kubectl sip status\nold\nlines\n```\n\nText.\n\n```\n$ kubectl sip status -o wide\nold\n```\n\n```\n$ kubectl sip where sip:a@b\nold\n```\nEnd.\n"
	want := "# Page\n\n```\n$ kubectl sip status\nnew\n```\n\nText.\n\n```\n$ kubectl sip status -o wide\nwide\nand new\n```\n\n```\n$ kubectl sip where sip:bob@example.com\nhere\n```\nEnd.\n"
	got, err := fill(page, []spoken{
		{"kubectl sip status", "new\n"},
		{"kubectl sip status -o wide", "wide\nand new\n"},
		{"kubectl sip where sip:bob@example.com", "here\n"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if _, err := fill(page, []spoken{{"kubectl sip explain", "new\n"}}); err == nil || !strings.Contains(err.Error(), "kubectl sip explain") {
		t.Errorf("error %v, want one about the missing place", err)
	}
}

// TestShown: a long output has its ends, and how many lines are left out.
func TestShown(t *testing.T) {
	short := strings.Repeat("x\n", mostLines)
	if got := shown(short); got != strings.TrimRight(short, "\n") {
		t.Errorf("%d lines are not shown as they are", mostLines)
	}
	got := strings.Split(shown("first\n"+short+"last\n"), "\n")
	if len(got) != 2*endLines+1 || got[0] != "first" || got[2*endLines] != "last" || got[endLines] != "... (30 lines)" {
		t.Errorf("%q", got)
	}
}
