package memberset

import (
	"bytes"
	"errors"
	"log/slog"
	"sync"

	"github.com/sipring/sipring/proxy/config"
)

// gate lets newer sets through and ignores everything else. Several feeds may
// offer at once.
type gate struct {
	log   *slog.Logger
	parse Parse
	apply func(*config.MemberSet)

	mu       sync.Mutex
	inForce  *config.MemberSet // the last set handed on
	offered  map[string][]byte // by feed: the last content, so that a repetition costs and tells nothing
	counters Counters
}

func newGate(parse Parse, log *slog.Logger) *gate {
	if parse == nil {
		parse = config.ParseMemberSet
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &gate{log: log, parse: parse, offered: map[string][]byte{}}
}

// use says where sets go, before the first is offered.
func (g *gate) use(apply func(*config.MemberSet)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.apply = apply
}

// offer takes what a feed holds now. It keeps content.
func (g *gate) offer(feed string, content []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if last, ok := g.offered[feed]; ok && bytes.Equal(last, content) {
		return
	}
	g.offered[feed] = content
	g.weigh(feed, content)
}

// again weighs what the feeds hold once more: what is believed has changed.
func (g *gate) again() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for feed, content := range g.offered {
		g.weigh(feed, content)
	}
}

// weigh hands the set on if it is newer; called with mu held.
func (g *gate) weigh(feed string, content []byte) {
	set, err := g.parse(content)
	switch {
	case errors.Is(err, config.ErrUnsigned):
		g.counters.Unsigned++
		g.log.Warn("member set ignored: unsigned", "source", feed, "error", err)
	case err != nil:
		g.counters.Invalid++
		g.log.Warn("member set ignored: invalid", "source", feed, "error", err)
	case g.inForce != nil && set.Ring.Follows(g.inForce.Ring) != nil:
		g.counters.Conflicting++
		g.log.Warn("member set ignored: it has another ring", "source", feed, "epoch", set.Epoch, "reason", set.Ring.Follows(g.inForce.Ring))
	case g.inForce == nil || set.Epoch > g.inForce.Epoch:
		g.inForce = set
		g.counters.Applied++
		g.apply(set)
	case set.Epoch < g.inForce.Epoch:
		g.counters.Older++
		g.log.Debug("member set ignored: older", "source", feed, "epoch", set.Epoch, "inForce", g.inForce.Epoch)
	case !set.Equal(g.inForce):
		g.counters.Conflicting++
		g.log.Warn("member set ignored: its epoch is in force with other content", "source", feed, "epoch", set.Epoch)
	}
}

// update changes the counters.
func (g *gate) update(f func(*Counters)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.counters)
}

func (g *gate) snapshot() Counters {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.counters
}
