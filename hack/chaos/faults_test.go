package main

import (
	"math/rand/v2"
	"reflect"
	"testing"
)

var allKinds = []string{kindKill, kindStop, kindRestart}

func TestRounds(t *testing.T) {
	for down := 1; down <= 3; down++ {
		rng, again := rand.New(rand.NewPCG(5, 1)), rand.New(rand.NewPCG(5, 1))
		seen, hit := map[string]int{}, map[int]int{}
		for range 600 {
			faults := round(rng, 5, down, allKinds)
			if same := round(again, 5, down, allKinds); !reflect.DeepEqual(faults, same) {
				t.Fatalf("one seed, %+v and %+v", faults, same)
			}
			members := map[int]bool{}
			for _, f := range faults {
				members[f.member] = true
				seen[f.kind]++
				hit[f.member]++
				if span := between[f.kind]; f.length < span[0] || f.length > span[1] || f.after < 0 || f.after > apart {
					t.Fatalf("out of range: %+v", f)
				}
			}
			if len(members) != down || faults[0].after != 0 {
				t.Fatalf("%d at a time: %+v", down, faults)
			}
		}
		if len(seen) != 3 || len(hit) != 5 {
			t.Errorf("kinds %v, members %v: want all", seen, hit)
		}
	}
}

func TestKindOf(t *testing.T) {
	if got := kindOf([]fault{{kind: kindStop}, {kind: kindKill}}); got != "kill+stop" {
		t.Errorf("named %q", got)
	}
}
