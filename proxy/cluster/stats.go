package cluster

import "github.com/sipring/sipring/proxy/location"

// Stats are counts of one core. Gauges: the first block. Counters: the others. The
// tags say how they are shown.
type Stats struct {
	Records         int `metric:"-"` // held: addresses-of-record
	HomeRecords     int `metric:"addresses_of_record{role=home}" help:"Addresses-of-record held, by role."`
	ReplicaRecords  int `metric:"addresses_of_record{role=replica}"`
	Bindings        int `metric:"-"`                                                  // held; they include what has expired and not been swept yet
	HomeBindings    int `metric:"bindings{role=home}" help:"Bindings held, by role."` // of partitions this member is home of
	ReplicaBindings int `metric:"bindings{role=replica}"`
	Bytes           int `metric:"bindings_bytes" help:"Bytes that bindings take."`
	Budget          int `metric:"bindings_budget_bytes" help:"Bytes that bindings may take until new addresses-of-record are refused; 0 without bound."`
	// UnderReplicated counts the bindings of partitions this member is home of that fewer members hold than are to: min(R,
	// those that live and do not leave).
	UnderReplicated int `metric:"under_replicated_bindings" help:"Bindings this member is home of with fewer copies than the lesser of replicas and living members."`
	Pending         int `metric:"operations_pending" help:"Registrations and lookups under way."`
	Partitions      int `metric:"partitions" help:"Partitions held."`

	Registers          uint64 `metric:"operations_total{operation=register}" help:"Registrations, lookups and questions whose a contact is, begun here."`
	Lookups            uint64 `metric:"operations_total{operation=lookup}"`
	RegistersFailed    uint64 `metric:"operations_failed_total{operation=register}" help:"Operations that no other members confirmed or answered in time."`
	LookupsUnavailable uint64 `metric:"operations_failed_total{operation=lookup}"`
	LookupsLocal       uint64 `metric:"lookups_local_total" help:"Lookups answered by what is held here."`
	LookupsHedged      uint64 `metric:"lookups_hedged_total" help:"Lookups for which a second member was asked."`
	RefusedOps         uint64 `metric:"operations_refused_total" help:"Operations that were refused as this member did not know where they belong, or had too many under way."`
	Rehomed            uint64 `metric:"-"` // bindings whose home became this member because another is gone; the driver tells whether that counts
	Filled             uint64 `metric:"partitions_filled_total" help:"Partitions fetched from other members."`
	FilledAlone        uint64 `metric:"partitions_filled_alone_total" help:"Partitions taken to be complete while members that may know more of them were away."`
	// LostPartitions counts those that some member served, and that this one became home of when none of those was left:
	// their copies are gone, or at members that are out of reach. LostBindings is how many bindings they had, by the mean
	// of those served here: nobody is left to say.
	LostPartitions     uint64  `metric:"lost_partitions_total" help:"Partitions this member became home of when no member was left that served them."`
	LostBindings       float64 `metric:"lost_bindings_total" help:"Bindings that these had, estimated by those of the partitions served here."`
	Repairs            uint64  `metric:"repairs_total" help:"Partitions found to differ between owners."`
	Stalls             uint64  `metric:"core_stalls_total" help:"Stops of this process after which a core asked the other members before it served; there are 16 cores."`
	Relayed            uint64  `metric:"updates_relayed_total" help:"Updates passed on to members that their home does not reach."`
	OrderedAgain       uint64  `metric:"updates_ordered_again_total" help:"Updates over which an older one of their phone, ordered at the same time, had won, and that were ordered once more."`
	DroppedMessages    uint64  `metric:"core_messages_dropped_total" help:"Messages between members that could not be read, or were of no member that is up."`
	RefusedRecords     uint64  `metric:"peer_records_refused_total" help:"Records in other members' snapshots that were of no use."`
	NoRoom             uint64  `metric:"registrations_no_room_total{reason=budget}" help:"Registrations ordered here that were refused: a member to hold them is above its budget, or their source or domain has its share."`
	SourceFull         uint64  `metric:"registrations_no_room_total{reason=source}"`
	DomainFull         uint64  `metric:"registrations_no_room_total{reason=domain}"`
	SnapshotsBytes     uint64  `metric:"snapshot_bytes_total{direction=in}" help:"Bytes of snapshots of partitions, fetched from other members and sent to them."`
	SnapshotsSentBytes uint64  `metric:"snapshot_bytes_total{direction=out}"`
}

// Sources are those of REGISTERs with most bindings, as location.Store has them.
func (c *Core) Sources() []location.SourceCount {
	if c.store == nil {
		return nil
	}
	return c.store.Sources()
}

// Stats returns counts. Cheap enough for every scrape.
func (c *Core) Stats() Stats {
	s := c.stats
	s.Pending, s.Budget = c.operations.pending(), c.cfg.Budget
	if c.store == nil {
		return s
	}
	sum := c.store.Stats()
	s.Records, s.Bindings, s.Bytes = sum.Records, sum.Bindings, sum.Bytes
	c.partitions.addTo(&s)
	s.ReplicaRecords, s.ReplicaBindings = s.Records-s.HomeRecords, s.Bindings-s.HomeBindings
	return s
}
