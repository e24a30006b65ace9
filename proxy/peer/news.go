package peer

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
)

// news tells people what became of the view: as events, in the log and in counts.
// It is guarded by membership.mu.
type news struct {
	events  *eventLog
	log     *slog.Logger
	metrics *metrics
	cores   *cores

	redundancy *redundancy

	rehomed uint64  // as last told
	lost    []*link // down since the last view, to measure the time to the ring
}

// up tells of a stream that stands.
func (n *news) up(l *link, epoch uint64) {
	n.events.add(Event{Kind: EventPeerUp, Member: l.id, Epoch: epoch})
	n.log.Info("peer is up", "peer", l.peer().Name)
}

// down tells of a member that is dead or out of reach.
func (n *news) down(l *link, epoch uint64, cause error) {
	n.metrics.losses.Inc()
	n.events.add(Event{Kind: EventPeerLost, Member: l.id, Epoch: epoch, Detail: cause.Error()})
	n.log.Warn("peer is down", "peer", l.peer().Name, "cause", cause, "refused", refused(cause))
	n.lost = append(n.lost, l)
}

// ring tells of a new effective ring, of bindings re-homed by it, and how
// long it took since a peer was lost.
func (n *news) ring(old, v *cluster.View) {
	var before, now []uint32
	if old != nil {
		before = memberIDs(old)
	}
	if now = memberIDs(v); old != nil && slices.Equal(before, now) {
		return
	}
	n.events.add(Event{
		Kind: EventRingChanged, Epoch: v.Epoch, Count: len(now),
		Detail: fmt.Sprintf("%d members: %s", len(now), strings.Join(names(v, now), ", ")),
	})
	n.log.Info("effective ring changed", "epoch", v.Epoch, "members", names(v, now))
	if moved := n.cores.stats().Rehomed - n.rehomed; moved > 0 {
		n.rehomed += moved
		n.events.add(Event{Kind: EventRehomed, Epoch: v.Epoch, Count: int(moved)})
	}
	for _, l := range n.lost {
		if !slices.Contains(now, l.id) {
			n.metrics.failovers.Inc()
			n.metrics.lastFailover.SetToCurrentTime()
			n.redundancy.lost(l.brokenSince())
			n.metrics.lossToRing.Observe(time.Since(l.brokenSince()).Seconds())
		}
	}
	n.lost = n.lost[:0]
}

func memberIDs(v *cluster.View) []uint32 {
	members := v.Ring.Members()
	ids := make([]uint32, 0, len(members))
	for _, m := range members {
		ids = append(ids, m.ID)
	}
	return ids
}

// self tells when this member begins, or ceases, to hold all that it owns.
func (n *news) self(old, v *cluster.View) {
	if old != nil && old.Synced == v.Synced {
		return
	}
	kind := EventUnsynced
	if v.Synced {
		kind = EventSynced
	}
	n.events.add(Event{Kind: kind, Epoch: v.Epoch})
	n.log.Info(string(kind), "epoch", v.Epoch)
}
