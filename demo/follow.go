package demo

import (
	"context"
	"sort"
	"time"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/proxy/peer"
)

// follow puts what the survivors saw of the loss into the timeline, and the
// times of its first steps into the result. It ends when each survivor has a
// ring without the victim, or with the context.
func (s *scenario) follow(ctx context.Context, seen map[string]uint64) {
	type line struct {
		p *fleet.Process
		e peer.Event
	}
	pending := map[string]bool{}
	for _, p := range s.survivors() {
		pending[p.Name] = true
	}
	for deadline := time.Now().Add(10 * time.Second); len(pending) > 0 && ctx.Err() == nil && time.Now().Before(deadline); {
		var lines []line
		for _, p := range s.survivors() {
			events, err := p.Events(ctx)
			if err != nil {
				continue
			}
			for _, e := range events {
				if e.Seq > seen[p.Name] {
					seen[p.Name] = e.Seq
					lines = append(lines, line{p, e})
					s.result.observe(p.Name, s.victim.ID, e, pending)
				}
			}
		}
		sort.Slice(lines, func(i, j int) bool { return lines[i].e.UnixNano < lines[j].e.UnixNano })
		for _, l := range lines {
			s.line.add(time.Unix(0, l.e.UnixNano), l.p.Name, "%s", s.describe(l.e))
		}
		time.Sleep(20 * time.Millisecond) // the interval at which the survivors are asked
	}
}

// describe says an event in words.
func (s *scenario) describe(e peer.Event) string {
	switch e.Kind {
	case peer.EventPeerLost:
		return "lost " + s.nameOf(e.Member) + ": " + e.Detail
	case peer.EventPeerUp:
		return "sees " + s.nameOf(e.Member) + " again"
	case peer.EventRingChanged:
		return "new effective ring: " + e.Detail
	case peer.EventRehomed:
		return "is now home of " + plural(e.Count, "re-homed binding")
	case peer.EventMembers:
		return "follows the published set"
	}
	if e.Detail != "" {
		return string(e.Kind) + ": " + e.Detail
	}
	return string(e.Kind)
}

func (s *scenario) nameOf(id uint32) string {
	for _, p := range s.cluster.processes {
		if p.ID == id {
			return p.Name
		}
	}
	return "?"
}
