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

	rehomed     uint64 // as last told
	lost        losses // to measure the time to the ring
	conclusions conclusions
}

// up tells of a stream that stands.
func (n *news) up(l *link, as *hello, epoch uint64) {
	n.lost.end(l.id)
	n.conclusions.returned(l.id, as.Incarnation, as.Epoch, time.Now())
	n.events.add(Event{Kind: EventPeerUp, Member: l.id, Epoch: epoch})
	n.log.Info("peer is up", step("returned"), "member", l.peer().Name, "epoch", epoch)
}

// down tells of a member that is dead or out of reach.
func (n *news) down(l *link, epoch uint64, cause error) {
	n.metrics.losses.Inc()
	n.events.add(Event{Kind: EventPeerLost, Member: l.id, Epoch: epoch, Detail: cause.Error(), LastHeard: l.lastHeard().UnixNano()})
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
	c := conclusion{at: time.Now(), lost: n.lost.take(before, now)}
	n.events.add(Event{
		UnixNano: c.at.UnixNano(), Kind: EventRingChanged, Epoch: v.Epoch, Count: len(now),
		Detail: fmt.Sprintf("%d members: %s", len(now), strings.Join(names(v, now), ", ")),
	})
	n.log.Info("effective ring changed", "epoch", v.Epoch, "members", names(v, now))
	for _, one := range c.lost {
		n.log.Warn("a lost member is out of the ring", step("evicted"), "member", one.member.Name, "epoch", v.Epoch, "afterLoss", c.at.Sub(one.since))
	}
	if moved := n.cores.stats().Rehomed - n.rehomed; moved > 0 {
		n.rehomed += moved
		c.moved = int64(moved)
		n.events.add(Event{Kind: EventRehomed, Epoch: v.Epoch, Count: int(moved)})
		n.log.Info("bindings are re-homed here", step("rehomed"), "member", namesOf(c.lost), "epoch", v.Epoch, "bindings", moved)
	}
	for _, one := range c.lost {
		n.redundancy.lost(one.since, one.member.Name)
	}
	if n.conclusions.add(c, before) {
		n.failedOver(&c)
	}
	n.metrics.unconfirmed.Set(float64(n.conclusions.members()))
}

// published judges what was concluded by a newer member set.
func (n *news) published(set *config.MemberSet) { n.judged(n.conclusions.published(set)) }

// look judges it by who is heard.
func (n *news) look(epoch uint64, links *links) {
	n.judged(n.conclusions.look(epoch, time.Now(), func(id uint32) (at time.Time) {
		if l := links.to(id); l != nil {
			at = l.lastHeard()
		}
		return at
	}))
}

func (n *news) judged(v judgement) {
	for i := range v.confirmed {
		n.failedOver(&v.confirmed[i])
	}
	for _, c := range v.dropped {
		n.log.Info("this member was cut off from others: no failover is counted", "members", namesOf(c.lost), "bindings", c.moved)
	}
	if len(v.confirmed)+len(v.dropped) > 0 {
		n.metrics.unconfirmed.Set(float64(n.conclusions.members()))
	}
}

// failedOver counts and keeps the failovers that are one change of the ring.
func (n *news) failedOver(c *conclusion) {
	n.metrics.rehomed.Add(float64(c.moved))
	for _, one := range c.lost {
		took := c.at.Sub(one.since)
		n.metrics.failovers.Inc()
		n.metrics.lastFailover.Set(float64(c.at.UnixNano()) / 1e9)
		n.metrics.lossToRing.Observe(took.Seconds())
		n.failovers.add(config.Failover{
			Member: one.member.Name, At: c.at.UnixMilli(), Cause: lossCause(one.cause),
			Rehomed: c.moved, Milliseconds: took.Milliseconds(),
		})
	}
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
