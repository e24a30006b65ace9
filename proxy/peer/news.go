package peer

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/config"
)

// news tells people what became of the view: as events, in the log and in counts.
// It is guarded by membership.mu.
type news struct {
	events  *eventLog
	log     *slog.Logger
	metrics *metrics
	cores   *cores

	redundancy *redundancy
	failovers  *failovers

	rehomed uint64 // as last told
	lost    losses // to measure the time to the ring
}

// up tells of a stream that stands.
func (n *news) up(l *link, epoch uint64) {
	n.lost.end(l.id)
	n.events.add(Event{Kind: EventPeerUp, Member: l.id, Epoch: epoch})
	n.log.Info("peer is up", step("returned"), "member", l.peer().Name, "epoch", epoch)
}

// down tells of a member that is dead or out of reach.
func (n *news) down(l *link, epoch uint64, cause error) {
	n.metrics.losses.Inc()
	n.events.add(Event{Kind: EventPeerLost, Member: l.id, Epoch: epoch, Detail: cause.Error()})
	n.log.Warn("peer is down", step("confirmed"), "member", l.peer().Name, "epoch", epoch, "cause", cause, "refused", refused(cause))
	n.lost.begin(l, cause)
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
	gone := n.lost.take(before, now)
	for _, one := range gone {
		n.log.Warn("a lost member is out of the ring", step("evicted"), "member", one.name(), "epoch", v.Epoch, "afterLoss", time.Since(one.since))
	}
	moved := n.cores.stats().Rehomed - n.rehomed
	if moved > 0 {
		n.rehomed += moved
		n.events.add(Event{Kind: EventRehomed, Epoch: v.Epoch, Count: int(moved)})
		n.log.Info("bindings are re-homed here", step("rehomed"), "member", namesOf(gone), "epoch", v.Epoch, "bindings", moved)
	}
	for _, one := range gone {
		n.failedOver(one, int64(moved))
	}
}

// failedOver counts and keeps one failover: the ring is without the member, and so
// many bindings were re-homed here by that change of the ring.
func (n *news) failedOver(one loss, moved int64) {
	took := time.Since(one.since)
	n.metrics.failovers.Inc()
	n.metrics.lastFailover.SetToCurrentTime()
	n.metrics.lossToRing.Observe(took.Seconds())
	n.failovers.add(config.Failover{
		Member: one.name(), At: time.Now().UnixMilli(), Cause: lossCause(one.cause),
		Rehomed: moved, Milliseconds: took.Milliseconds(),
	})
	n.redundancy.lost(one.since, one.name())
}

// step marks the lines of the log that a failover is made of: suspected,
// confirmed, evicted, rehomed, repaired and returned. Each names member and epoch.
func step(name string) slog.Attr { return slog.String("step", name) }

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
