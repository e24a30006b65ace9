package peer

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/proxy/cluster"
)

// machineMetrics shows what the state machines count themselves. They do no I/O
// and know no library, and a core counts on the hot path under its own lock, in
// plain numbers on cache lines of its own: one counter for all cores would be
// fought over with each operation. So these are summed up when they are asked
// for, all in one look at the cores.
type machineMetrics struct {
	cores   *cores
	locator *locator
}

// counts is such a look.
type counts struct {
	cluster.Stats
	locate cluster.LocateStats
}

// reading is one value of it.
type reading struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	labels []string
	of     func(c *counts) float64
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prefix+name, help, labels, nil)
}

var (
	bindings   = desc("bindings", "Bindings held, by role.", "role")
	operations = desc("operations_total", "Registrations, lookups and questions whose a contact is, begun here.", "operation")
	failed     = desc("operations_failed_total", "Operations that no other members confirmed or answered in time.", "operation")
	noRoom     = desc("registrations_no_room_total", "Registrations ordered here that were refused: a member to hold them is above its budget, or their source or domain has its share.", "reason")
)

var readings = []reading{
	{bindings, prometheus.GaugeValue, []string{"home"}, func(c *counts) float64 { return float64(c.HomeBindings) }},
	{bindings, prometheus.GaugeValue, []string{"replica"}, func(c *counts) float64 { return float64(c.Bindings - c.HomeBindings) }},
	{desc("bindings_bytes", "Bytes that bindings take."), prometheus.GaugeValue, nil, func(c *counts) float64 { return float64(c.Bytes) }},
	{
		desc("bindings_budget_bytes", "Bytes that bindings may take until new addresses-of-record are refused; 0 without bound."),
		prometheus.GaugeValue, nil, func(c *counts) float64 { return float64(c.Budget) },
	},
	{desc("partitions", "Partitions held."), prometheus.GaugeValue, nil, func(c *counts) float64 { return float64(c.Partitions) }},
	{desc("operations_pending", "Registrations and lookups under way."), prometheus.GaugeValue, nil, func(c *counts) float64 { return float64(c.Pending) }},
	{operations, prometheus.CounterValue, []string{"register"}, func(c *counts) float64 { return float64(c.Registers) }},
	{operations, prometheus.CounterValue, []string{"lookup"}, func(c *counts) float64 { return float64(c.Lookups) }},
	{operations, prometheus.CounterValue, []string{"locate"}, func(c *counts) float64 { return float64(c.locate.Ops) }},
	{failed, prometheus.CounterValue, []string{"register"}, func(c *counts) float64 { return float64(c.RegistersFailed) }},
	{failed, prometheus.CounterValue, []string{"lookup"}, func(c *counts) float64 { return float64(c.LookupsUnavailable) }},
	{failed, prometheus.CounterValue, []string{"locate"}, func(c *counts) float64 { return float64(c.locate.Unavailable) }},
	{
		desc("locates_refused_total", "Questions whose a contact is that were not asked: too many under way or in a second."),
		prometheus.CounterValue, nil, func(c *counts) float64 { return float64(c.locate.Refused) },
	},
	{
		desc("locate_questions_total", "Questions whose a contact is, sent to other members."),
		prometheus.CounterValue, nil, func(c *counts) float64 { return float64(c.locate.Questions) },
	},
	{desc("lookups_hedged_total", "Lookups for which a second member was asked."), prometheus.CounterValue, nil, func(c *counts) float64 { return float64(c.LookupsHedged) }},
	{
		desc("rehomed_bindings_total", "Bindings whose home became this member because another left."),
		prometheus.CounterValue, nil, func(c *counts) float64 { return float64(c.Rehomed) },
	},
	{desc("repairs_total", "Partitions found to differ between owners."), prometheus.CounterValue, nil, func(c *counts) float64 { return float64(c.Repairs) }},
	{
		desc("peer_records_refused_total", "Records in other members' snapshots that were of no use."),
		prometheus.CounterValue, nil, func(c *counts) float64 { return float64(c.RefusedRecords) },
	},
	{noRoom, prometheus.CounterValue, []string{"budget"}, func(c *counts) float64 { return float64(c.NoRoom) }},
	{noRoom, prometheus.CounterValue, []string{"source"}, func(c *counts) float64 { return float64(c.SourceFull) }},
	{noRoom, prometheus.CounterValue, []string{"domain"}, func(c *counts) float64 { return float64(c.DomainFull) }},
}

// Describe implements prometheus.Collector.
func (m *machineMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, r := range readings {
		ch <- r.desc
	}
}

// Collect implements prometheus.Collector.
func (m *machineMetrics) Collect(ch chan<- prometheus.Metric) {
	c := &counts{Stats: m.cores.stats(), locate: m.locator.stats()}
	for _, r := range readings {
		ch <- prometheus.MustNewConstMetric(r.desc, r.kind, r.of(c), r.labels...)
	}
}
