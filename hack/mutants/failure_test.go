package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestShown is what the test that failed printed, or the end of everything, in bounds.
func TestShown(t *testing.T) {
	parallel := "=== RUN   TestA\n=== PAUSE TestA\n=== RUN   TestB\n    b_test.go:1: of B\n--- PASS: TestB (0.00s)\n=== CONT  TestA\n=== RUN   TestA/x\n" +
		"    a_test.go:1: of A\n=== NAME  TestAB\n    ab_test.go:1: of AB\n=== NAME  TestA\n    a_test.go:2: of A too\n--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/x (0.00s)\n" +
		"=== NAME  TestAB\n--- PASS: TestAB (0.00s)\nFAIL\n"
	var long strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&long, "    a_test.go:1: line %d\n", i)
	}
	for name, tt := range map[string]struct {
		failure failure
		of      string
		want    []string
		without []string
	}{
		"a subtest":     {failure{"TestA/x", parallel}, "TestA", []string{"of A\n", "of A too\n", "--- FAIL: TestA/x"}, []string{"of B", "of AB", "=== "}},
		"a panic":       {failure{"TestA (panic)", "=== RUN   TestA\n" + long.String() + "panic: no\n\ngoroutine 1\n" + long.String()}, "TestA", []string{"panic: no\n\ngoroutine 1\n", "line 9\n"}, []string{"line 4999"}},
		"much":          {failure{"TestA", "=== RUN   TestA\n" + long.String() + "--- FAIL: TestA (0.00s)\n"}, "TestA", []string{"line 4999\n", "--- FAIL: TestA"}, []string{"line 9\n"}},
		"a long line":   {failure{"TestA", "=== RUN   TestA\n" + strings.Repeat("a", 1<<20) + "end\n"}, "TestA", []string{"end"}, nil},
		"a seed":        {failure{"TestSim/late, seed 12: copies violated", "=== RUN   TestSim/late\n    why\n"}, "TestSim", []string{"why"}, nil},
		"a time-out":    {failure{"time-out after 9 s in TestB", "=== RUN   TestA\n    of A\n=== RUN   TestB\n    of B\n"}, "TestB", []string{"of B"}, []string{"of A"}},
		"before a test": {failure{"no test", "flag provided but not defined\n"}, "", []string{"not defined"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.failure.test(); got != tt.of {
				t.Errorf("the test is %q, want %q", got, tt.of)
			}
			got := tt.failure.shown()
			for _, s := range tt.want {
				if !strings.Contains(got, s) {
					t.Errorf("%q is not in\n%s", s, got)
				}
			}
			for _, s := range tt.without {
				if strings.Contains(got, s) {
					t.Errorf("%q is in\n%s", s, got)
				}
			}
			if len(got) > shownBytes || strings.Count(got, "\n") > shownLines {
				t.Errorf("%d bytes in %d lines", len(got), strings.Count(got, "\n"))
			}
		})
	}
}
