//go:build linux

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipring/sipring/proxy/peer"
)

// newRing waits until every survivor has worked with a ring without the victim,
// and is how long after the fault the last one first did.
func newRing(ctx context.Context, survivors []string, victim string, at time.Time, events func(context.Context, string) ([]peer.Event, error)) (slowest time.Duration, err error) {
	err = eventually(ctx, noticeLimit, func(ctx context.Context) error {
		slowest = 0 // of this try
		for _, name := range survivors {
			told, err := events(ctx, name)
			if err != nil {
				return err
			}
			after, ok := ringWithout(told, victim, at)
			if !ok {
				return fmt.Errorf("%s has no ring without %s", name, victim)
			}
			slowest = max(slowest, after)
		}
		return nil
	})
	return slowest, err
}

// ringWithout is how long after at a proxy first worked with a ring that the
// victim is not in, by its events; false if it has not yet.
func ringWithout(events []peer.Event, victim string, at time.Time) (time.Duration, bool) {
	for _, e := range events {
		when := time.Unix(0, e.UnixNano)
		if e.Kind == peer.EventRingChanged && !when.Before(at) && !slices.Contains(ringOf(e), victim) {
			return when.Sub(at), true
		}
	}
	return 0, false
}

// ringOf are the names of the members in an event's ring: "2 members: a, b".
func ringOf(e peer.Event) []string {
	_, names, _ := strings.Cut(e.Detail, ": ")
	return strings.Split(names, ", ")
}
