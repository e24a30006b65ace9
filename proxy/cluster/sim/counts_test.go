package sim

import (
	"reflect"
	"testing"

	"github.com/sipring/sipring/proxy/cluster"
)

// unmoved are counts that no run moves, and the tests of package cluster that do.
var unmoved = map[string]string{
	"SourceFull":      "phones of the simulation have no sources: TestShareLeavesRoom",
	"RefusedOps":      "nobody asks a member without a view: TestWhatIsRefusedIsCounted",
	"DroppedMessages": "messages are not spoilt: TestWhatIsRefusedIsCounted",
	"RefusedRecords":  "nor are snapshots: TestNothingIsConfirmedThatCouldNotBeRead",
}

// TestEveryCountMoves: each count of the cores tells of something that happens, and
// each gauge of something that is there. What moves none is a count of nothing.
func TestEveryCountMoves(t *testing.T) {
	left := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[cluster.Stats]()) {
		left[f.Name] = true
	}
	for name := range unmoved {
		if !left[name] {
			t.Errorf("there is no %s", name)
		}
		delete(left, name)
	}
	for seed := uint64(1); seed <= 12 && len(left) > 0; seed++ {
		for _, m := range Modes() {
			for _, counts := range Run(Config{Seed: seed, Mode: m}).Counts {
				v := reflect.ValueOf(counts)
				for name := range left {
					if !v.FieldByName(name).IsZero() {
						delete(left, name)
					}
				}
			}
		}
	}
	for name := range left {
		t.Errorf("nothing moves %s", name)
	}
}
