package config

import (
	"fmt"
	"testing"
)

func TestParseEpoch(t *testing.T) {
	for text, want := range map[string]uint64{
		"": 0, "0": 0, "7": 7, fmt.Sprint(uint64(MaxEpoch)): MaxEpoch, fmt.Sprint(uint64(MaxEpoch) + 1): 0,
		"18446744073709551615": 0, "18446744073709551616": 0, "-1": 0, "+1": 0, " 7": 0, "7 ": 0, "0x7": 0, "7e3": 0, "seven": 0,
	} {
		if got := ParseEpoch(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}
