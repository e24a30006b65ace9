package peer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/proxy/config"
)

// values are those of the metrics that are named, by name and the values of labels.
func values(t *testing.T, from prometheus.Gatherer, of map[string]float64) map[string]float64 {
	t.Helper()
	families, err := from.Gather() // a pedantic registry: also whether each was described
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := strings.TrimPrefix(f.GetName(), "sipring_proxy_")
			for _, l := range m.Label {
				name += " " + l.GetValue()
			}
			if _, named := of[name]; named {
				out[name] = m.Gauge.GetValue() + m.Counter.GetValue() + float64(m.Histogram.GetSampleCount())
			}
		}
	}
	return out
}

// TestMetrics: what members show of a cluster that works, and of one that has lost
// a member.
func TestMetrics(t *testing.T) {
	c := newTrial(t, 3)
	registry := prometheus.NewPedanticRegistry()
	cfg := c.config(1)
	cfg.Registry, cfg.Budget = registry, 1<<20
	n := c.startWith(cfg)
	c.start(2)
	c.start(3)
	c.settled()
	c.register(1, "sip:bob@ring.example", "sip:bob@192.0.2.1", 1)
	c.lookup(1, "sip:bob@ring.example")
	n.delivery.deliver(2, nil, KindUser-1, nil)
	n.delivery.deliver(2, nil, kindMembers, []byte("{"))
	owned := n.cores.stats()
	want := map[string]float64{
		"ring_epoch": 1, "ring_members": 3, "peers up": 2, "peers down": 0, "peers unknown": 0,
		"bindings home": float64(owned.HomeBindings), "bindings replica": float64(owned.Bindings - owned.HomeBindings), "bindings_budget_bytes": 1 << 20,
		"operations_total register": 1, "operations_total lookup": 1, "operations_total locate": 0, "operations_failed_total register": 0,
		"operations_pending": 0, "partitions": float64(owned.Partitions),
		"peer_losses_total": 0, "failovers_total": 0, "peer_loss_to_ring_seconds": 0, "stuck_total": 0,
		"peer_frames_dropped_total unreadable": 2, "peer_frames_dropped_total queue_full": 0, "member_sets_refused_total peer": 0,
	}
	if d := cmp.Diff(want, values(t, registry, want)); d != "" {
		t.Errorf("a whole ring (-want +got):\n%s", d)
	}
	c.kill(3)
	want = map[string]float64{
		"ring_members": 2, "peers up": 1, "peers down": 1, "peer_losses_total": 1, "failovers_total": 1, "peer_loss_to_ring_seconds": 1,
	}
	until(t, "the ring is without the lost member", func() bool { return cmp.Equal(want, values(t, registry, want)) })
	at := values(t, registry, map[string]float64{"last_failover_timestamp_seconds": 0})["last_failover_timestamp_seconds"]
	if ago := time.Since(time.UnixMilli(int64(at * 1000))); ago < 0 || ago > patient {
		t.Errorf("the last failover was %v ago", ago)
	}
}

// TestRedundancyIsTimed: from each loss to when nothing lacks a copy, which it is
// already where nothing was held.
func TestRedundancyIsTimed(t *testing.T) {
	c := newTrial(t, 4)
	registry := prometheus.NewPedanticRegistry()
	cfg := c.config(1)
	cfg.Registry = registry
	c.startWith(cfg)
	for id := uint32(2); id <= 4; id++ {
		c.start(id)
	}
	c.settled()
	whole := func(failovers float64) func() bool {
		want := map[string]float64{"failovers_total": failovers, "under_replicated_bindings": 0, "redundancy_restored_seconds": failovers}
		return func() bool { return cmp.Equal(want, values(t, registry, want)) }
	}
	c.kill(4)
	until(t, "whole again", whole(1))
	for i := range 60 {
		c.register(1, fmt.Sprintf("sip:u%d@ring.example", i), "sip:bob@192.0.2.1", 1)
	}
	c.kill(3)
	until(t, "whole again", whole(2))
}

// TestMetricsThatAreTaken: a start whose metrics another shows already leaves
// nothing, neither in the registry nor at the port.
func TestMetricsThatAreTaken(t *testing.T) {
	for _, c := range []prometheus.Collector{newMetrics().Set, newMetrics().lossToRing} {
		cfg := newTrial(t, 1).config(1)
		registry := prometheus.NewRegistry()
		registry.MustRegister(c)
		before := fmt.Sprint(registry.Gather())
		cfg.Registry = registry
		if n, err := Start(cfg); err == nil {
			n.Close()
			t.Fatal("started")
		}
		if after := fmt.Sprint(registry.Gather()); after != before {
			t.Errorf("left in the registry: %s", after)
		}
		cfg.Registry = nil
		n, err := Start(cfg)
		if err != nil {
			t.Fatal(err)
		}
		n.Close()
	}
}

// TestAMemberThatLeftInOrderIsNoFailover, when its process ends and when the ring
// changes next, however long after that.
func TestAMemberThatLeftInOrderIsNoFailover(t *testing.T) {
	c := newTrial(t, 3)
	registry := prometheus.NewPedanticRegistry()
	cfg := c.config(1)
	cfg.Registry = registry
	c.startWith(cfg)
	c.start(2)
	c.start(3)
	c.settled()
	await := func(what string, want map[string]float64) {
		t.Helper()
		until(t, what, func() bool { return cmp.Equal(want, values(t, registry, want)) })
	}
	c.publish(func(s *config.MemberSet) { s.Members[2].State = config.Draining }, 1, 2, 3)
	await("it has left the ring", map[string]float64{"ring_members": 2})
	c.kill(3)
	await("it is gone", map[string]float64{"peers down": 1, "peer_losses_total": 1})
	c.publish(func(s *config.MemberSet) { s.Members[1].State = config.Draining }, 1, 2)
	await("the ring changes", map[string]float64{"ring_members": 1})
	want := map[string]float64{"failovers_total": 0, "peer_loss_to_ring_seconds": 0, "last_failover_timestamp_seconds": 0}
	if d := cmp.Diff(want, values(t, registry, want)); d != "" {
		t.Errorf("nobody was lost (-want +got):\n%s", d)
	}
}
