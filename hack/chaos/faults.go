package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// The kinds of faults.
const (
	kindKill    = "kill"    // SIGKILL, and started again in place
	kindStop    = "stop"    // SIGSTOP, and SIGCONT
	kindRestart = "restart" // SIGTERM: it hands over, ends, and is started again in place
)

// fault befalls one member.
type fault struct {
	member int
	kind   string
	after  time.Duration // the beginning of the round
	// length is how long it stands still, or stays down once it has ended.
	length time.Duration
}

// between is the range of a fault's length.
var between = map[string][2]time.Duration{
	kindKill:    {50 * time.Millisecond, 4 * time.Second},
	kindStop:    {200 * time.Millisecond, 8 * time.Second},
	kindRestart: {50 * time.Millisecond, 2 * time.Second},
}

// apart is how far the beginnings of a round's faults are apart at most.
const apart = 500 * time.Millisecond

// round is the next faults: of as many members as may be down at a time.
func round(rng *rand.Rand, members, down int, kinds []string) []fault {
	faults := make([]fault, down)
	for i, m := range rng.Perm(members)[:down] {
		kind := kinds[rng.IntN(len(kinds))]
		span := between[kind]
		faults[i] = fault{member: m, kind: kind, length: lengthIn(rng, span)}
		if i > 0 {
			faults[i].after = time.Duration(rng.Int64N(int64(apart)))
		}
	}
	return faults
}

// lengthIn is a length in the span. Short ones are likelier: more happens, and
// what is shorter than the others take to notice is the hardest.
func lengthIn(rng *rand.Rand, span [2]time.Duration) time.Duration {
	u := rng.Float64()
	return span[0] + time.Duration(u*u*float64(span[1]-span[0]))
}

// kindOf names a round.
func kindOf(faults []fault) string {
	var kinds []string
	for _, f := range faults {
		kinds = append(kinds, f.kind)
	}
	slices.Sort(kinds)
	return strings.Join(kinds, "+")
}
