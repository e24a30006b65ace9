package memberset

import (
	"bytes"
	"log/slog"
	"sync"

	"github.com/sipring/sipring/proxy/config"
)

// gate lets newer sets through and ignores everything else. Several feeds may
// offer at once.
type gate struct {
	log   *slog.Logger
	apply func(*config.MemberSet)

	mu       sync.Mutex
	inForce  *config.MemberSet // the last set applied
	offered  map[string][]byte // by feed: the last content, so that a repetition costs and tells nothing
	counters Counters
}

func newGate(log *slog.Logger) *gate {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &gate{log: log, offered: map[string][]byte{}}
}

// offer takes what a feed holds now. It keeps content.
func (g *gate) offer(feed string, content []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if last, ok := g.offered[feed]; ok && bytes.Equal(last, content) {
		return
	}
	g.offered[feed] = content
	set, err := config.ParseMemberSet(content)
	if err != nil {
		g.counters.Invalid++
		g.log.Warn("member set ignored: invalid", "source", feed, "error", err)
		return
	}
	switch {
	case g.inForce != nil && set.Ring.Follows(g.inForce.Ring) != nil:
		g.counters.Conflicting++
		g.log.Warn("member set ignored: it has another ring", "source", feed, "epoch", set.Epoch, "reason", set.Ring.Follows(g.inForce.Ring))
	case g.inForce == nil || set.Epoch > g.inForce.Epoch:
		g.inForce = set
		g.counters.Applied++
		g.log.Info("member set applied", "source", feed, "epoch", set.Epoch, "members", len(set.Members))
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
