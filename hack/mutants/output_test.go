package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFailed(t *testing.T) {
	tests := map[string]struct {
		out, want string
	}{
		"a test":    {"=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\n    b_test.go:9: no\n--- FAIL: TestB (0.00s)\nFAIL\n", "TestB"},
		"a subtest": {"=== RUN   TestA\n=== RUN   TestA/x\n--- FAIL: TestA (0.00s)\n    --- FAIL: TestA/x (0.00s)\nFAIL\n", "TestA/x"},
		"a panic":   {"=== RUN   TestA\npanic: runtime error\n", "TestA (panic)"},
		"an exit":   {"=== RUN   TestA\n", "TestA"},
		"nothing":   {"", "no test"},
		"a seed": {
			"=== RUN   TestSim\n=== RUN   TestSim/late\n    sim_test.go:9: seed 12: copies violated at 0.1: x\n--- FAIL: TestSim (0.00s)\n    --- FAIL: TestSim/late (0.00s)\n",
			"TestSim/late, seed 12: copies violated",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := failed(tt.out); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestModes(t *testing.T) {
	out := "=== RUN   TestPartitions\n=== RUN   TestSim\n=== RUN   TestSim/plain\n=== PAUSE TestSim/plain\n=== RUN   TestSim/late\n=== CONT  TestSim/plain\n"
	if diff := cmp.Diff([]string{"TestPartitions", "TestSim/plain", "TestSim/late"}, modesOf(out)); diff != "" {
		t.Error(diff)
	}
	if got := pattern("TestSim/late"); got != "^TestSim$/^late$" {
		t.Errorf("pattern %s", got)
	}
}

func TestSeedsUntil(t *testing.T) {
	for by, want := range map[string]int{"TestSim, seed 12: x": 2, "TestSim": 40, "TestSim, seed 99: of another batch": 40} {
		if got := seedsUntil(by, [2]int{11, 40}); got != want {
			t.Errorf("%s: %d seeds, want %d", by, got, want)
		}
	}
}

func TestBatchesAreAllSeeds(t *testing.T) {
	for _, seeds := range []int{1, 10, 11, 200, 5000} {
		next := 1
		for _, b := range (&suite{seeds: seeds}).batches() {
			if b[0] != next || b[1] < 1 {
				t.Errorf("%d seeds: batch %v after seed %d", seeds, b, next-1)
			}
			next += b[1]
		}
		if next != seeds+1 {
			t.Errorf("%d seeds: %d are run", seeds, next-1)
		}
	}
}
