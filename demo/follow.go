package demo

import (
	"context"
	"sort"
	"time"

	"github.com/sipring/sipring/demo/fleet"
	"github.com/sipring/sipring/proxy/peer"
)

// follow puts what the survivors saw of the loss and of the return into the
// timeline, and the times of the first steps into the result. It ends when each
// survivor has a ring with all again, or with the context.
func (s *scenario) follow(ctx context.Context, seen map[string]uint64) {
	pending, whole := map[string]bool{}, map[string]bool{}
	for _, p := range s.survivors() {
		pending[p.Name] = true
	}
	for deadline := time.Now().Add(ringLimit); len(whole) < len(s.survivors()) && ctx.Err() == nil && time.Now().Before(deadline); {
		lines := s.fresh(ctx, seen)
		for _, l := range lines {
			before := pending[l.p.Name]
			s.result.observe(l.p.Name, s.victim.ID, l.e, pending)
			if !before && l.e.Kind == peer.EventRingChanged && l.e.Count == len(s.cluster.processes) {
				whole[l.p.Name] = true
			}
			s.line.saw(time.Unix(0, l.e.UnixNano), l.p.Name, l.e, "%s", s.describe(l.e))
		}
		interval := 20 * time.Millisecond // at which the survivors are asked
		if len(pending) == 0 {
			interval = 200 * time.Millisecond // what is left takes longer
		}
		time.Sleep(interval)
	}
}

// seenBy is an event and who saw it.
type seenBy struct {
	p *fleet.Process
	e peer.Event
}

// fresh are the survivors' events after those seen, in order of time.
func (s *scenario) fresh(ctx context.Context, seen map[string]uint64) (lines []seenBy) {
	for _, p := range s.survivors() {
		events, err := p.Events(ctx)
		if err != nil {
			continue
		}
		for _, e := range events {
			if e.Seq > seen[p.Name] {
				seen[p.Name] = e.Seq
				lines = append(lines, seenBy{p, e})
			}
		}
	}
	sort.Slice(lines, func(i, j int) bool { return lines[i].e.UnixNano < lines[j].e.UnixNano })
	return lines
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
	case peer.EventRepaired:
		return "the bindings it is home of have their copies again, " + e.Detail
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
