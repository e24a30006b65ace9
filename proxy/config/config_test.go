package config

import "testing"

func TestDrainSeconds(t *testing.T) {
	for text, want := range map[string]int{"": DefaultDrainSeconds, "drainSeconds: 0": 0, "drainSeconds: 7": 7} {
		c, err := ParseConfig([]byte("cluster: a\ndomains: [example.com]\n" + text))
		if err != nil {
			t.Fatal(err)
		}
		if *c.DrainSeconds != want || c.DrainTime().Seconds() != float64(want) {
			t.Errorf("%q is %d s, %s, want %d s", text, *c.DrainSeconds, c.DrainTime(), want)
		}
	}
	if _, err := ParseConfig([]byte("cluster: a\ndomains: [example.com]\ndrainSeconds: -1")); err == nil {
		t.Error("-1 is accepted")
	}
}
