package config

import (
	"slices"
	"strings"
	"testing"
)

func TestSuspectsAreBounded(t *testing.T) {
	names := make([]string, 4096)
	for i := range names {
		names[i] = strings.Repeat("n", 253)
	}
	if got := JoinSuspects(names); len(got) > maxSuspects || len(got) < maxSuspects-254 {
		t.Errorf("%d bytes, bound %d", len(got), maxSuspects)
	}
	if got := SplitSuspects(strings.Repeat("a,b,", 10000)); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%d names of two", len(got))
	}
}

// FuzzSuspects: what is written into a Lease is bounded and read as it was meant,
// and what is read of anything is bounded, and names.
func FuzzSuspects(f *testing.F) {
	f.Add("ring-1,ring-0")
	f.Add(" ring-1 ,, ring-1,ring-1,ring-9,\x00")
	f.Add(strings.Repeat("ring-1,", 30000))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		names := SplitSuspects(text)
		if len(names) > MaxMembers || !slices.IsSorted(names) {
			t.Fatalf("%d names of %q", len(names), text)
		}
		for _, name := range names {
			if name == "" || strings.Contains(name, ",") || strings.TrimSpace(name) != name {
				t.Fatalf("name %q of %q", name, text)
			}
		}
		joined := JoinSuspects(names)
		if len(joined) > maxSuspects {
			t.Fatalf("%d bytes", len(joined))
		}
		if again := SplitSuspects(joined); len(text) < maxSuspects && !slices.Equal(names, again) {
			t.Fatalf("%q is read as %q", joined, again)
		}
	})
}
