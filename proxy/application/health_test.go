package application

import (
	"testing"

	"pgregory.net/rapid"
)

// results of checks as tests write them: H, F and R.
func resultsOf(text string) (all []Result) {
	for _, c := range text {
		all = append(all, map[rune]Result{'H': Healthy, 'F': Failed, 'R': Refused}[c])
	}
	return all
}

func TestHealth(t *testing.T) {
	for name, tt := range map[string]struct {
		failures int
		results  string
		want     string // after each result: 1 it serves, 0 it does not
	}{
		"nothing known":              {3, "", ""},
		"one success is not enough":  {3, "H", "0"},
		"two in a row":               {3, "HH", "01"},
		"two, not in a row":          {3, "HFHFH", "00000"},
		"never well":                 {3, "FFFFF", "00000"},
		"three failures":             {3, "HHFFF", "01110"},
		"failures not in a row":      {3, "HHFFHFFHFF", "0111111111"},
		"back after two":             {3, "HHFFFHH", "0111001"},
		"not back after one":         {3, "HHFFFHFH", "01110000"},
		"one failure is enough":      {1, "HHFHH", "01001"},
		"a refusal":                  {3, "HHR", "010"},
		"refused, then it hangs":     {3, "HHRFHH", "010001"},
		"refusals with one in times": {20, "HHRHRHH", "0100001"},
		"fails beyond the number":    {2, "HHFFFFFFFFHH", "011000000001"},
	} {
		h := NewHealth(tt.failures)
		if h.Serves() {
			t.Errorf("%s: it serves before anything is known", name)
		}
		for i, r := range resultsOf(tt.results) {
			before := h.Serves()
			changed := h.Take(r)
			if h.Serves() != (tt.want[i] == '1') || changed != (h.Serves() != before) {
				t.Errorf("%s: after %s: %v, changed %v, want %s", name, tt.results[:i+1], h.Serves(), changed, tt.want[:i+1])
			}
		}
	}
}

// TestHealthAgreesWithAllThatWasSeen: what it says follows from the whole row of results, as one would judge that on
// paper, and results that alternate change nothing.
func TestHealthAgreesWithAllThatWasSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		failures := rapid.IntRange(1, 20).Draw(t, "failures")
		h, serves := NewHealth(failures), false
		var seen []Result
		for range rapid.IntRange(0, 200).Draw(t, "checks") {
			// Rows of one result, or those of much failures are never drawn.
			r := rapid.SampledFrom([]Result{Healthy, Healthy, Failed, Failed, Failed, Refused}).Draw(t, "result")
			for range rapid.IntRange(1, 1+failures).Draw(t, "times") {
				seen = append(seen, r)
				switch {
				case r == Refused, row(seen, Failed) >= failures:
					serves = false
				case row(seen, Healthy) >= 2:
					serves = true
				}
				h.Take(r)
				if h.Serves() != serves {
					t.Fatalf("after %v: %v", seen, h.Serves())
				}
			}
		}
		if failures < 2 {
			return
		}
		h.Take(Failed) // which may be the last one of a row
		h.Take(Healthy)
		serves = h.Serves()
		for range 100 {
			if h.Take(Failed) || h.Take(Healthy) || h.Serves() != serves {
				t.Fatal("results that alternate changed it")
			}
		}
	})
}

// row is how many of the last results are r.
func row(seen []Result, r Result) (n int) {
	for i := len(seen) - 1; i >= 0 && seen[i] == r; i-- {
		n++
	}
	return n
}
