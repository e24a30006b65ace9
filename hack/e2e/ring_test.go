//go:build linux

package main

import (
	"testing"
	"time"

	"github.com/sipring/sipring/proxy/peer"
)

func TestNewRingIsTheFirstWithoutTheVictimAfterTheFault(t *testing.T) {
	at := time.Unix(1000, 0)
	event := func(ms int, kind peer.EventKind, detail string) peer.Event {
		return peer.Event{UnixNano: at.Add(time.Duration(ms) * time.Millisecond).UnixNano(), Kind: kind, Detail: detail}
	}
	ring := func(ms int, detail string) peer.Event { return event(ms, peer.EventRingChanged, detail) }
	for name, c := range map[string]struct {
		events []peer.Event
		want   time.Duration
		seen   bool
	}{
		"none yet":                 {[]peer.Event{event(5, peer.EventPeerLost, "a")}, 0, false},
		"the first":                {[]peer.Event{ring(30, "2 members: b, c"), ring(900, "3 members: a, b, c"), ring(950, "2 members: b, c")}, 30 * time.Millisecond, true},
		"not one from before":      {[]peer.Event{ring(-10, "2 members: b, c"), ring(-5, "3 members: a, b, c")}, 0, false},
		"not one with the victim":  {[]peer.Event{ring(20, "4 members: a, b, c, d"), ring(40, "3 members: b, c, d")}, 40 * time.Millisecond, true},
		"a name that begins alike": {[]peer.Event{ring(20, "2 members: aa, b")}, 20 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got, seen := ringWithout(c.events, "a", at); got != c.want || seen != c.seen {
				t.Errorf("got %v, %v, want %v, %v", got, seen, c.want, c.seen)
			}
		})
	}
}
