package command

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/proxy/cluster"
	"github.com/sipring/sipring/proxy/memberset"
	"github.com/sipring/sipring/proxy/peer"
)

// clusterMetrics shows this member's part in the cluster.
type clusterMetrics struct{ p *proxy }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("sipring_proxy_"+name, help, labels, nil)
}

var (
	readyDesc      = desc("ready", "1 if the proxy holds what it owns.")
	epochDesc      = desc("ring_epoch", "Epoch of the member set in force.")
	ringDesc       = desc("ring_members", "Members of the effective ring.")
	peersDesc      = desc("peers", "Other members, by what this one knows of them.", "state")
	bindingsDesc   = desc("bindings", "Bindings held, by role.", "role")
	bytesDesc      = desc("bindings_bytes", "Bytes that bindings take.")
	budgetDesc     = desc("bindings_budget_bytes", "Bytes that bindings may take until new addresses-of-record are refused; 0 without bound.")
	partitionsDesc = desc("partitions", "Partitions held.")
	pendingDesc    = desc("operations_pending", "Registrations and lookups under way.")

	operationsDesc = desc("operations_total", "Registrations, lookups and questions whose a contact is, begun here.", "operation")
	failedDesc     = desc("operations_failed_total", "Operations that no other members confirmed or answered in time.", "operation")
	hedgedDesc     = desc("lookups_hedged_total", "Lookups for which a second member was asked.")
	locateRefused  = desc("locates_refused_total", "Questions whose a contact is that were not asked: too many under way or in a second.")
	locateAsked    = desc("locate_questions_total", "Questions whose a contact is, sent to other members.")
	rehomedDesc    = desc("rehomed_bindings_total", "Bindings whose home became this member because another left.")
	repairsDesc    = desc("repairs_total", "Partitions found to differ between owners.")
	lossesDesc     = desc("peer_losses_total", "Members seen to go down.")
	stuckDesc      = desc("stuck_total", "Times at which this process made no steps and let others take over.")
	failoversDesc  = desc("failovers_total", "Members whose loss changed the effective ring.")
	lossToRingDesc = desc("peer_loss_to_ring_seconds", "From the end of a stream to the ring without its member.")
	refusedDesc    = desc("peer_handshakes_refused_total", "Connections that did not prove to be a member.")
	framesDesc     = desc("peer_frames_dropped_total", "Frames between members that were dropped.", "reason")
	recordsDesc    = desc("peer_records_refused_total", "Records in other members' snapshots that were of no use.")
	noRoomDesc     = desc("registrations_no_room_total", "Registrations ordered here that were refused because a member to hold them is above its budget.")
	keysDesc       = desc("keys", "Cluster keys in force: the one that signs, and those that only verify.", "id", "use")
	setsDesc       = desc("member_sets_ignored_total", "Member sets that were invalid, older, or contradicted the one in force.")
	setsRefused    = desc("member_sets_refused_total", "Member sets that were not believed: unsigned, or more than a peer may say.", "source")
)

// Describe implements prometheus.Collector.
func (c *clusterMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		readyDesc, epochDesc, ringDesc, peersDesc, bindingsDesc, bytesDesc, budgetDesc, partitionsDesc, pendingDesc,
		operationsDesc, failedDesc, hedgedDesc, locateRefused, locateAsked, rehomedDesc, repairsDesc, lossesDesc, failoversDesc, stuckDesc, lossToRingDesc, refusedDesc, framesDesc, recordsDesc, noRoomDesc, setsDesc, setsRefused, keysDesc,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *clusterMetrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	ready, _ := backend{c.p}.Ready()
	gauge(readyDesc, truth(ready))
	if keys := c.p.keys.Load(); keys != nil {
		for i, id := range keyIDs(keys) {
			gauge(keysDesc, 1, strconv.Itoa(int(id)), []string{"sign", "verify"}[min(i, 1)])
		}
	}
	n := c.p.node.Load()
	if n == nil {
		return
	}
	if v := n.View(); v != nil {
		gauge(epochDesc, float64(v.Epoch))
		gauge(ringDesc, float64(len(v.Ring.Members())))
		counts := map[cluster.Liveness]int{}
		for _, m := range v.Members {
			if m.ID != v.Self {
				counts[m.Liveness]++
			}
		}
		for _, l := range []cluster.Liveness{cluster.Up, cluster.Down, cluster.Unknown} {
			gauge(peersDesc, float64(counts[l]), l.String())
		}
	}
	s := n.Stats()
	gauge(bindingsDesc, float64(s.HomeBindings), "home")
	gauge(bindingsDesc, float64(s.Bindings-s.HomeBindings), "replica")
	gauge(bytesDesc, float64(s.Bytes))
	gauge(budgetDesc, float64(s.Budget))
	gauge(partitionsDesc, float64(s.Partitions))
	gauge(pendingDesc, float64(s.Pending))
	l := n.Locates()
	collectCounters(ch, &s, n.Counters(), &l, c.p.source.Counters())
}

func collectCounters(ch chan<- prometheus.Metric, s *cluster.Stats, k peer.Counters, l *cluster.LocateStats, own memberset.Counters) {
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	counter(operationsDesc, s.Registers, "register")
	counter(operationsDesc, s.Lookups, "lookup")
	counter(operationsDesc, l.Ops, "locate")
	counter(failedDesc, s.RegistersFailed, "register")
	counter(failedDesc, s.LookupsUnavailable, "lookup")
	counter(failedDesc, l.Unavailable, "locate")
	counter(locateRefused, l.Refused)
	counter(locateAsked, l.Questions)
	counter(hedgedDesc, s.LookupsHedged)
	counter(rehomedDesc, s.Rehomed)
	counter(repairsDesc, s.Repairs)
	counter(lossesDesc, k.PeerLosses)
	counter(failoversDesc, k.Failovers)
	counter(stuckDesc, k.Stuck)
	counter(refusedDesc, k.HandshakesRefused)
	counter(framesDesc, k.BadFrames, "unreadable")
	counter(framesDesc, k.QueueFull, "queue_full")
	counter(recordsDesc, s.RefusedRecords)
	counter(noRoomDesc, s.NoRoom)
	counter(setsDesc, k.SetsIgnored+own.Invalid+own.Older+own.Conflicting)
	counter(setsRefused, k.SetsRefused, "peer")
	counter(setsRefused, own.Unsigned, "own")
	ch <- prometheus.MustNewConstHistogram(lossToRingDesc, k.LossToRing.Count, k.LossToRing.Sum, k.LossToRing.Buckets)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
