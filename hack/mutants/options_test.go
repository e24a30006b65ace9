package main

import (
	"bytes"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	var help bytes.Buffer
	for _, args := range [][]string{{"-seeds=0"}, {"-only=("}, {"write.go"}, {"-help"}} {
		if _, err := parseOptions(args, &help); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
	o, err := parseOptions([]string{"-only=^a|y.go$"}, &help)
	if err != nil {
		t.Fatal(err)
	}
	faults := []fault{{"a", []edit{{file: "x.go"}}}, {"b", []edit{{file: "x.go"}}}, {"c", []edit{{file: "y.go"}}}}
	if got := o.choose(faults); len(got) != 2 || got[0].name != "a" || got[1].name != "c" {
		t.Errorf("chose %v", got)
	}
}

func TestOptionSimLeavesOutWhatItCannotSee(t *testing.T) {
	o, err := parseOptions([]string{"-sim"}, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	faults := []fault{{"a", []edit{{file: "proxy/peer/x.go"}}}, {"b", []edit{{file: "proxy/cluster/x.go"}}}}
	if got := o.choose(faults); len(got) != 1 || got[0].name != "b" {
		t.Errorf("chose %v", got)
	}
}

// TestEveryFaultHasItsDay: short runs that reach a quarter of the list plant all of it within two weeks.
func TestEveryFaultHasItsDay(t *testing.T) {
	faults, err := readAll()
	if err != nil {
		t.Fatal(err)
	}
	planted := map[string]bool{}
	o, err := parseOptions(nil, new(bytes.Buffer))
	if err != nil {
		t.Fatal(err)
	}
	for day := range 14 {
		o.turn = turnOf(time.Date(2026, 1, 1+day, 12, 0, 0, 0, time.UTC))
		for _, f := range o.choose(faults)[:len(faults)/4] {
			planted[f.name] = true
		}
	}
	if len(planted) != len(faults) {
		t.Errorf("%d faults of %d had their day", len(planted), len(faults))
	}
}
