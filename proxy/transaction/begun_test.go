package transaction

import (
	"fmt"
	"slices"
	"testing"
)

// TestNobodyTicksAnEmptyTable: it tells when it holds a context again, whose
// timers are then on time.
func TestNobodyTicksAnEmptyTable(t *testing.T) {
	begun := 0
	r := newRig(t, Options{Begun: func() { begun++ }})
	r.run("INVITE")
	if begun != 1 || r.table.Len() != 1 {
		t.Fatalf("with a first context: told %d times, holds %d", begun, r.table.Len())
	}
	r.run("wait 70000") // nobody forks, no ACK comes
	if begun != 1 || r.table.Len() != 0 {
		t.Fatalf("at its end: told %d times, holds %d", begun, r.table.Len())
	}
	r.now += 600_000
	since := r.now - rigStart
	r.log = nil
	r.run("INVITE, fork 1, wait 520")
	want := []string{
		fmt.Sprintf("%d = new", since), fmt.Sprintf("%d up 100", since),
		fmt.Sprintf("%d down 1 INVITE", since), fmt.Sprintf("%d down 1 INVITE", since+500),
	}
	if begun != 2 || !slices.Equal(r.log, want) {
		t.Errorf("after 10 minutes: told %d times, did %q, want %q", begun, r.log, want)
	}
}
