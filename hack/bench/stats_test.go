package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestSummarize(t *testing.T) {
	for name, tt := range map[string]struct {
		values []float64
		want   *spread
	}{
		"nothing measured has no summary": {},
		"one value":                       {values: []float64{3}, want: &spread{Median: 3, Min: 3, Max: 3, Rounds: 1}},
		"odd: the middle one":             {values: []float64{9, 1, 2}, want: &spread{Median: 2, Min: 1, Max: 9, Rounds: 3}},
		"even: between the middle two":    {values: []float64{4, 1, 2, 9}, want: &spread{Median: 3, Min: 1, Max: 9, Rounds: 4}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, summarize(tt.values)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestMedianHalvesTheValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 1e9), 1, 50).Draw(t, "values")
		given := slices.Clone(values)
		s := summarize(values)
		below, above := 0, 0
		for _, v := range values {
			if v < s.Median {
				below++
			}
			if v > s.Median {
				above++
			}
		}
		if 2*below > len(values) || 2*above > len(values) {
			t.Errorf("%d below and %d above %v", below, above, s.Median)
		}
		if s.Min != slices.Min(values) || s.Max != slices.Max(values) {
			t.Errorf("range %v-%v", s.Min, s.Max)
		}
		if !slices.Equal(given, values) {
			t.Error("the values were changed")
		}
	})
}

func TestRatiosPairRounds(t *testing.T) {
	over := map[int]float64{1: 10, 2: 30, 3: 7, 4: 5}
	under := map[int]float64{1: 20, 2: 20, 4: 0, 5: 1}
	got := ratios(over, under)
	sorted := cmpopts.SortSlices(func(a, b float64) bool { return a < b })
	if d := cmp.Diff([]float64{0.5, 1.5}, got, sorted); d != "" {
		t.Error(d)
	}
}

func TestPerRequestNeedsASuccess(t *testing.T) {
	if _, ok := perRequest(1, 0); ok {
		t.Error("a figure without one success")
	}
	if got, ok := perRequest(0.5, 10000); !ok || got != 50 {
		t.Errorf("got %v, %v, want 50 us", got, ok)
	}
}
