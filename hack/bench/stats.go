package main

import "slices"

// spread is a median with the smallest and the largest value.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Rounds int     `json:"rounds"`
}

// summarize is nil for no values.
func summarize(values []float64) *spread {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return &spread{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1], Rounds: n}
}

// ratios divides the values of the same round, so that a slow round of the
// machine falls on both sides. Rounds that only one side has, and those where
// the divisor is not positive, are left out.
func ratios(over, under map[int]float64) []float64 {
	var rs []float64
	for round, a := range over {
		if b, ok := under[round]; ok && b > 0 {
			rs = append(rs, a/b)
		}
	}
	return rs
}
