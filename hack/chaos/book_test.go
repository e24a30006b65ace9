package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// at is a time of the tests.
func at(second int) time.Time {
	return time.Unix(1_000_000, 0).Add(time.Duration(second) * time.Second)
}

func TestBook(t *testing.T) {
	b := newBook(at(0))
	b.begin(b.next(), at(10)) // v1
	b.ack(at(11))
	b.begin(b.next(), at(20)) // v2, no answer
	b.begin(b.next(), at(30)) // v3, in place of both
	b.ack(at(31))
	b.begin(none, at(40))
	b.ack(at(41))
	tests := map[string]struct {
		version, t0, t1 int
		want            bool
	}{
		"before it was sent":                    {1, 5, 9, false},
		"not registered yet":                    {none, 5, 9, true},
		"not registered while it is sent":       {none, 10, 10, true},
		"registered while it is sent":           {1, 10, 10, true},
		"none after the 200":                    {none, 12, 19, false},
		"none by a caller who began before":     {none, 11, 19, true},
		"old one while the new one is unknown":  {1, 25, 26, true},
		"new one that was not answered":         {2, 25, 26, true},
		"old one after a later 200":             {1, 32, 33, false},
		"unanswered one after a later 200":      {2, 32, 33, false},
		"old one by a caller who began before":  {1, 30, 39, true},
		"current":                               {3, 32, 33, true},
		"removed":                               {3, 42, 43, false},
		"none once removed":                     {none, 42, 43, true},
		"removed, by one who began before that": {3, 41, 50, true},
		"never was":                             {4, 0, 50, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := b.allows(tt.version, at(tt.t0), at(tt.t1)); got != tt.want {
				t.Errorf("version %d from %d to %d: %v, want %v; %s", tt.version, tt.t0, tt.t1, got, tt.want, b)
			}
		})
	}
}

// What may be there is what must be removed.
func TestBookPossible(t *testing.T) {
	b := newBook(at(0))
	for i, step := range []struct {
		version int
		acked   bool
		want    []int
	}{{b.next(), true, []int{1}}, {b.next(), false, []int{1, 2}}, {none, false, []int{1, 2}}, {b.next(), true, []int{3}}, {none, true, nil}} {
		b.begin(step.version, at(10*i+1))
		if step.acked {
			b.ack(at(10*i + 2))
		}
		if d := cmp.Diff(step.want, b.possible()); d != "" {
			t.Errorf("step %d (-want +got):\n%s", i, d)
		}
	}
}

// What is long over takes no room.
func TestBookForgets(t *testing.T) {
	b := newBook(at(0))
	for i := range 10_000 {
		b.begin(b.next(), at(i))
		b.ack(at(i))
	}
	if n := len(b.spans); n > int(bookMemory/time.Second)+2 {
		t.Errorf("%d states are remembered", n)
	}
}

func TestCompare(t *testing.T) {
	tests := map[string]struct {
		listed, wanted []int
		want           problem
	}{
		"the one":                 {[]int{3}, []int{3}, fine},
		"none":                    {nil, []int{none}, fine},
		"either":                  {[]int{2}, []int{1, 2}, fine},
		"missing":                 {nil, []int{3}, lost},
		"an older one":            {[]int{2}, []int{3}, stale},
		"an older one beside it":  {[]int{3, 2}, []int{3}, stale},
		"two, one each was right": {[]int{1, 2}, []int{1, 2}, lost},
		"removed":                 {[]int{3}, []int{none}, stale},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := compare(tt.listed, tt.wanted); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}
